/** What the kit can't see, because it asks the two as one: where a session is, what a move leaves, how a switch ends. */
import { describe, expect, it } from 'vitest';
import type { SessionId } from '../../src/core/ids.js';
import { isEnded, type SessionStore, type StoredRecord } from '../../src/core/store.js';
import {
  faultyStore,
  makeEnding,
  makeId,
  makeOwner,
  makeOwning,
  makeRecord,
} from '../../src/stores/conformance/index.js';
import { type MemoryStore, memoryStore } from '../../src/stores/memory.js';
import { type MigratingOptions, type MigratingStore, migrating } from '../../src/stores/migrating.js';
import { without } from './pairs.js';

interface Scene {
  readonly from: MemoryStore;
  readonly to: MemoryStore;
  readonly store: MigratingStore;
}

function scene(phase: 'prepare' | 'move' = 'move'): Scene {
  const [from, to] = [memoryStore(), memoryStore()];
  return { from, to, store: migrating({ from, to, phase }) };
}

const isAlive = (found: ReturnType<MemoryStore['read']>): found is StoredRecord =>
  found !== undefined && !isEnded(found);

/** A session in the old store. */
function old({ from }: Scene, fields: Partial<StoredRecord> = {}): [SessionId, StoredRecord] {
  const [id, record] = [makeId(fields.owner), makeRecord(fields)];
  from.create(id, record);
  return [id, record];
}

describe('where a session is', () => {
  it('begins in the new store', async () => {
    const { from, to, store } = scene();
    const id = makeId();
    expect(await store.create(id, makeRecord())).toBe('created');
    expect([isAlive(from.read(id)), isAlive(to.read(id))]).toEqual([false, true]);
  });

  it('stays in the old one while it is only read, and goes over, as it was, when it is written', async () => {
    const made = scene();
    const { from, to, store } = made;
    const [id, record] = old(made);
    expect(await store.read(id)).toEqual(record);
    expect([isAlive(from.read(id)), to.read(id)]).toEqual([true, undefined]);
    expect(await store.touch(id, record.idleDeadline + 1)).toBe('touched');
    expect([isAlive(from.read(id)), to.read(id)]).toEqual([
      false,
      { ...record, idleDeadline: record.idleDeadline + 1 },
    ]);
  });

  it('stays in the old one on an instance that prepares, which finds what others have moved', async () => {
    const { from, to, store } = scene('prepare');
    const mover = migrating({ from, to });
    const [stays, goes] = [makeId(), makeId()];
    const record = makeRecord();
    for (const id of [stays, goes]) await store.create(id, makeRecord({ version: record.version }));
    await store.update(stays, makeRecord(), record.version);
    await mover.update(goes, record, record.version);
    expect([isAlive(from.read(stays)), isAlive(to.read(stays))]).toEqual([true, false]);
    expect([isAlive(from.read(goes)), isAlive(to.read(goes))]).toEqual([false, true]);
    expect(isAlive((await store.read(goes)) as never)).toBe(true);
    expect(await store.touch(goes, record.idleDeadline + 5)).toBe('touched');
    expect(await store.end(goes, makeEnding('signed-out'))).toBe(true);
    for (const each of [store, mover]) expect(await each.read(goes)).toMatchObject({ ended: 'signed-out' });
  });

  it("goes over with all of its owner's, so that they keep their order and count together", async () => {
    const made = scene();
    const { from, to, store } = made;
    const owner = makeOwner();
    const ids = [old(made, { owner })[0], old(made, { owner })[0], old(made, { owner })[0]] as const;
    const next = makeId(owner);
    const owning = makeOwning({ limit: 3, onExceed: 'evict-oldest' });
    expect(await store.create(next, makeRecord({ owner }), owning)).toBe('created');
    expect(from.listByOwner(owner)).toEqual([]);
    expect(to.listByOwner(owner).map(({ id }) => id)).toEqual([ids[1], ids[2], next]);
    expect(await store.read(ids[0])).toMatchObject({ ended: 'evicted' });
  });
});

describe('an end', () => {
  it('of a session in the old store moves nothing, and is final in the new one too', async () => {
    const made = scene();
    const [id, record] = old(made);
    expect(await made.store.end(id, makeEnding('signed-out'))).toBe(true);
    expect(made.to.read(id)).toBeUndefined();
    expect(await made.store.update(id, makeRecord(), record.version)).toBe('gone');
    expect(await made.store.create(id, record)).toBe('exists');
    expect(await made.store.read(id)).toMatchObject({ ended: 'signed-out' });
  });

  it('by owner bars a sign-in that was begun before it, in both stores', async () => {
    const { from, to, store } = scene();
    const owner = makeOwner();
    const at = Date.now();
    await store.endByOwner?.(owner, { reason: 'revoked', at, keepUntil: at + 1_000 });
    for (const one of [from, to, store] as SessionStore[]) {
      const early = makeOwning({ now: at, startedAt: at });
      expect(await one.create(makeId(owner), makeRecord({ owner }), early)).toBe('barred');
    }
  });

  it('by owner does not depend on moving: with the old store full it ends everything all the same', async () => {
    const made = scene();
    const owner = makeOwner();
    const [id] = old(made, { owner });
    const faulty = faultyStore(made.from);
    faulty.on('replace', 'reject', { error: new Error('full') });
    const store = migrating({ from: faulty.store, to: made.to });
    expect(await store.endByOwner?.(owner, makeEnding('revoked'))).toEqual([id]);
    expect(await store.read(id)).toMatchObject({ ended: 'revoked' });
  });
});

describe('a move that stopped half-way', () => {
  /** A process that dies after its first, second ... call of a store. */
  async function moveAndDieAfter(calls: number, { from, to }: Scene, id: SessionId, record: StoredRecord) {
    let left = calls;
    const dying = (store: SessionStore) =>
      new Proxy(store, {
        get(target, name) {
          const member: unknown = Reflect.get(target, name);
          if (typeof member !== 'function') return member;
          return async (...args: unknown[]) => {
            if (left-- <= 0) throw new Error('died');
            return Reflect.apply(member, target, args);
          };
        },
      });
    const store = migrating({ from: dying(from), to: dying(to) });
    await Promise.resolve(store.update(id, makeRecord(), record.version)).catch(() => undefined);
    return left < 0;
  }

  /** Every point at which the mover can die, and what is asked afterwards. */
  async function atEveryPoint(check: (made: Scene, id: SessionId, record: StoredRecord) => Promise<unknown>) {
    let points = 0;
    for (let calls = 0; ; calls++) {
      for (const owner of [undefined, makeOwner()]) {
        const made = scene();
        const [id, record] = old(made, owner === undefined ? {} : { owner });
        if (!(await moveAndDieAfter(calls, made, id, record))) return expect(points).toBeGreaterThanOrEqual(10);
        points++;
        await check(made, id, record);
      }
    }
  }

  it('leaves the session alive and as it was, in one place', () =>
    atEveryPoint(async ({ from, to, store }, id, record) => {
      const found = await store.read(id);
      if (!found || isEnded(found)) throw new Error('lost');
      // Its last step may have been the update itself.
      if (found.version === record.version) expect(found).toEqual(record);
      expect([from, to].filter((one) => isAlive(one.read(id)))).toHaveLength(1);
    }));

  it('is finished by the next who writes', () =>
    atEveryPoint(async ({ from, to, store }, id, record) => {
      const next = makeRecord();
      const answer = await store.update(id, next, record.version);
      if (typeof answer !== 'object') expect(answer).toBe('updated');
      expect([isAlive(from.read(id)), isAlive(to.read(id))]).toEqual([false, true]);
    }));

  it('can be ended, by id and by owner, and then nobody brings it back', () =>
    atEveryPoint(async (made, id, record) => {
      const { store } = made;
      if (record.owner !== undefined) await store.endByOwner?.(record.owner, makeEnding('revoked'));
      else expect(await store.end(id, makeEnding('revoked'))).toBe(true);
      expect(await store.read(id)).toMatchObject({ ended: 'revoked' });
      await moveAndDieAfter(100, made, id, record);
      expect(await store.read(id)).toMatchObject({ ended: 'revoked' });
      expect([made.from, made.to].filter((one) => isAlive(one.read(id)))).toEqual([]);
    }));

  it('is listed once, and counts once', () =>
    atEveryPoint(async ({ store }, id, { owner }) => {
      if (owner === undefined) return;
      expect((await store.listByOwner?.(owner))?.map((entry) => entry.id)).toEqual([id]);
      const second = makeId(owner);
      expect(await store.create(second, makeRecord({ owner }), makeOwning({ limit: 2 }))).toBe('created');
      expect(await store.create(makeId(owner), makeRecord({ owner }), makeOwning({ limit: 2 }))).toBe('limit');
    }));

  it('brings nothing back when the mover wakes up after everything is over and forgotten', async () => {
    for (const method of ['create', 'replace'] as const) {
      const made = scene();
      const [id, record] = old(made);
      const asleep = faultyStore(made.to);
      asleep.on(method, 'delay-call', { times: 1 });
      const sleeper = migrating({ from: made.from, to: asleep.store });
      const late = Promise.resolve(sleeper.update(id, makeRecord(), record.version)).catch(() => undefined);
      await new Promise((resolve) => setImmediate(resolve));
      await made.store.end(id, makeEnding('signed-out'));
      for (const store of [made.from, made.to]) store.sweep(Date.now() + 1e12, 1_000);
      asleep.release();
      await late;
      expect(await made.store.read(id), method).toBeUndefined();
    }
  });
});

describe('how it ends', () => {
  async function fill(made: Scene): Promise<SessionId[]> {
    const owner = makeOwner();
    return Array.from({ length: 1_200 }, (_, index) => old(made, index % 100 ? {} : { owner })[0]);
  }

  it('drain() moves the rest, tells how far it is, and comes back when the old store is empty', async () => {
    const made = scene();
    const ids = await fill(made);
    const progress: number[] = [];
    const { moved } = await made.store.drain({ onProgress: (so) => progress.push(so.moved) });
    expect(moved).toBe(ids.length);
    expect(progress.length).toBeGreaterThanOrEqual(3);
    expect(progress.at(-1)).toBe(ids.length);
    for (const id of ids) expect([isAlive(made.from.read(id)), isAlive(made.to.read(id))]).toEqual([false, true]);
    // The new store alone has it all now.
    expect(await made.to.scan()).toHaveProperty('cursor');
  });

  it('drain() can be stopped, and begun again', async () => {
    const made = scene();
    await fill(made);
    const stop = new AbortController();
    const half = made.store.drain({ signal: stop.signal, onProgress: () => stop.abort(new Error('enough')) });
    await expect(half).rejects.toThrow('enough');
    await made.store.drain();
    expect(made.from.scan().entries.filter(({ record }) => record.idleDeadline > 0)).toEqual([]);
  });

  it('drain() says what to wait for where it can do nothing', async () => {
    const { from, to } = scene();
    for (const store of [migrating({ from: without(from, 'scan'), to }), migrating({ from, to, phase: 'prepare' })]) {
      await expect(store.drain()).rejects.toMatchObject({ code: 'ERR_SESSION_STORE_CAPABILITY' });
    }
  });
});

describe('options', () => {
  it.each([
    [{}, /from: expected a session store, got undefined/],
    [{ from: 'redis://:password@host', to: memoryStore() }, /from: expected a session store, got a string/],
    [{ from: memoryStore(), to: { name: 'odd' } }, /to: expected a session store, got one without create/],
    [{ from: memoryStore(), to: memoryStore(), phase: 'done' }, /phase: expected 'prepare' or 'move'/],
    [{ from: memoryStore(), to: memoryStore(), form: 1 }, /no option 'form'/],
  ])('what is no pair of stores is refused: %#', (options, message) => {
    const open = (): unknown => migrating(options as unknown as MigratingOptions);
    expect(open).toThrow(message);
    expect(open).not.toThrow(/password/);
  });

  it('a store is not moved into itself', () => {
    const store = memoryStore();
    expect(() => migrating({ from: store, to: store })).toThrow(/same store/);
  });
});

describe('what a move refuses', () => {
  it('does not move to a store whose replace can be seen half done, and moves from it', () => {
    const stepwise = Object.assign(memoryStore(), { replacesAtOnce: false as const });
    expect(() => migrating({ from: memoryStore(), to: stepwise })).toThrow(
      expect.objectContaining({ code: 'ERR_SESSION_STORE_CAPABILITY' }),
    );
    expect(migrating({ from: stepwise, to: memoryStore() }).name).toBe('memory-to-memory');
  });

  it('loses nothing when it is turned round into the store that sessions have left', async () => {
    const made = scene();
    const [id, record] = old(made);
    await made.store.touch(id, record.idleDeadline);
    const back = migrating({ from: made.to, to: made.from });
    const refused = expect.objectContaining({ code: 'ERR_SESSION_STORE_UNAVAILABLE' });
    await expect(back.touch(id, record.idleDeadline)).rejects.toEqual(refused);
    expect(() => back.read(id)).toThrow(refused);
    expect(made.to.read(id)).toEqual(record);
    expect(await back.end(id, makeEnding())).toBe(true);
    expect(isAlive(made.to.read(id))).toBe(false);
  });
});

describe('a claim that a stopped mover left', () => {
  it('does not take the idle deadline back that a later touch has set', async () => {
    const made = scene();
    const [id, record] = old(made);
    const stops = new Proxy(made.from, {
      get: (target, key) => {
        if (key === 'replace') return () => Promise.reject(new Error('stopped'));
        const value = Reflect.get(target, key);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const stopped = migrating({ from: stops, to: made.to });
    await expect(stopped.touch(id, record.idleDeadline)).rejects.toThrow('stopped');
    const later = record.idleDeadline + 30 * 86_400_000;
    made.from.touch(id, later);
    await made.store.touch(id, record.idleDeadline);
    expect(made.to.read(id)).toEqual({ ...record, idleDeadline: later });
  });

  it.each(['ended', 'swept away'] as const)(
    'of a session that is %s is ended, and brings nothing back',
    async (fate) => {
      const made = scene();
      const owner = makeOwner();
      const [id, record] = old(made, { owner });
      // Stops after the claim, as a process that dies.
      const stops = faultyStore(made.from);
      stops.on('replace', 'reject', { times: 1, error: new Error('stopped') });
      await expect(migrating({ from: stops.store, to: made.to }).touch(id, record.idleDeadline)).rejects.toThrow(
        'stopped',
      );
      expect(made.to.listByOwner(owner)).toHaveLength(1);
      made.from.end(id, makeEnding('signed-out'));
      if (fate === 'swept away') made.from.sweep(Date.now() + 1e12, 1_000);
      expect(await made.store.listByOwner?.(owner)).toEqual([]);
      expect(made.to.listByOwner(owner)).toEqual([]);
      const gone = fate === 'ended' ? expect.objectContaining({ ended: 'signed-out' }) : undefined;
      expect(await made.store.read(id)).toEqual(gone);
      expect(await made.store.touch(id, record.idleDeadline + 1)).toBe('gone');
      expect(made.to.read(id)).toBeUndefined();
    },
  );
});
