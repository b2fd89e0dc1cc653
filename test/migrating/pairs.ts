/** Pairs of real stores under `migrating`, with the ways in which a session can have come to where it is. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from 'redis';
import type { MaybePromise, SessionStore } from '../../src/core/store.js';
import type { Subject } from '../../src/stores/conformance/index.js';
import { lmdbStore } from '../../src/stores/lmdb.js';
import { memoryStore } from '../../src/stores/memory.js';
import { type MigratingStore, migrating } from '../../src/stores/migrating.js';
import { redisStore } from '../../src/stores/redis.js';

/** One place where sessions lie; each `handle` is what one process has of it. */
export interface Place {
  handle(): MaybePromise<SessionStore>;
  remove(): MaybePromise<unknown>;
}

export function memory(): Place {
  const store = memoryStore();
  return { handle: () => store, remove: () => undefined };
}

export function lmdb(): Place {
  const path = mkdtempSync(join(tmpdir(), 'holdfast-migrating-'));
  const opened: SessionStore[] = [];
  return {
    handle() {
      const store = lmdbStore({ path });
      opened.push(store);
      return store;
    },
    async remove() {
      for (const store of opened) await store.close?.();
      rmSync(path, { recursive: true, force: true });
    },
  };
}

export function redis(port: number, prefix: string): Place {
  const clients: { destroy(): void }[] = [];
  return {
    async handle() {
      const client = createClient({ socket: { host: '127.0.0.1', port } });
      client.on('error', () => undefined);
      clients.push(client);
      await client.connect();
      return redisStore({ client, prefix });
    },
    remove: () => clients.forEach((client) => void client.destroy()),
  };
}

/** The same store without what the names say. */
export function without<Store extends object>(store: Store, ...names: string[]): Store {
  return new Proxy(store, {
    get(target, name) {
      if (names.includes(String(name))) return undefined;
      const member: unknown = Reflect.get(target, name);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}

/** The same store, with a hook that is awaited before each call. */
export function hooked<Store extends SessionStore>(store: Store, before: () => MaybePromise<void> | undefined): Store {
  return new Proxy(store, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return async (...args: unknown[]) => {
        await before();
        return Reflect.apply(member, target, args);
      };
    },
  });
}

type Phase = 'prepare' | 'move';

/** A subject for the kit: the first handle in one phase, the second in another. */
export async function subject(from: Place, to: Place, first: Phase, second: Phase): Promise<Subject> {
  let hook: (() => MaybePromise<void>) | undefined;
  const before = () => hook?.();
  const [oldStore, newStore] = [await from.handle(), await to.handle()];
  return {
    store: migrating({ from: hooked(oldStore, before), to: hooked(newStore, before), phase: first }),
    reopen: async () => migrating({ from: await from.handle(), to: await to.handle(), phase: second }),
    beforeCommand: (next) => {
      hook = next;
    },
    async close() {
      await from.remove();
      await to.remove();
    },
  };
}

/**
 * The same, with everybody in phase `move` and every session that the kit makes without a limit made in `from`, as it
 * was before anybody migrated. Those creations are made while no other call is under way: in life they are long past.
 */
export async function seeded(from: Place, to: Place): Promise<Subject> {
  const alone = new Alone();
  const kit = await subject(from, to, 'move', 'move');
  const seed = migrating({ from: await from.handle(), to: await to.handle(), phase: 'prepare' });
  const wrap = (store: SessionStore): SessionStore =>
    new Proxy(store, {
      get(target, name) {
        // What moves leave in `from` is swept and counted too.
        if (name === 'sweep') return undefined;
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== 'function') return member;
        return (...given: unknown[]) => {
          const args = given.map(copied);
          const run = async () =>
            name === 'create' && args[2] === undefined
              ? Reflect.apply(seed.create, seed, args)
              : Reflect.apply(member, target, args);
          // While a law acts between two commands, one call is under way for as long as another one takes.
          if (hooking) return run();
          return name === 'create' && args[2] === undefined ? alone.exclusive(run) : alone.shared(run);
        };
      },
    });
  let hooking = false;
  const beforeCommand: Subject['beforeCommand'] = (hook) => {
    hooking = hook !== undefined;
    kit.beforeCommand?.(hook);
  };
  return {
    ...kit,
    beforeCommand,
    store: wrap(kit.store),
    reopen: async () => wrap((await kit.reopen?.()) ?? kit.store),
  };
}

/** A call that waits must not see what the caller does with its array meanwhile. */
function copied(argument: unknown): unknown {
  if (typeof argument !== 'object' || argument === null || !('bytes' in argument)) return argument;
  return { ...argument, bytes: Uint8Array.from(argument.bytes as Uint8Array) };
}

/** Lets shared work overlap, and exclusive work be alone. */
class Alone {
  #last: Promise<unknown> = Promise.resolve();
  readonly #under = new Set<Promise<unknown>>();

  shared<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work, work);
    this.#under.add(done);
    const over = (): void => void this.#under.delete(done);
    done.then(over, over);
    return done;
  }

  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const before = Promise.allSettled([this.#last, ...this.#under]);
    const done = before.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }
}

export type { MigratingStore };
