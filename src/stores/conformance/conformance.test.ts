import { describe, expect, it } from 'vitest';
import { isEnded, type SessionStore } from '../../core/store.js';
import { type MemoryStore, memoryStore } from '../memory.js';
import { storeConformance } from './index.js';

interface Outcome {
  readonly failed: string[];
  readonly skipped: string[];
  readonly passed: string[];
}

/** Runs the kit on its own little runner. */
async function judge(makeStore: () => SessionStore): Promise<Outcome> {
  const outcome: Outcome = { failed: [], skipped: [], passed: [] };
  const tests: [string, () => Promise<void>][] = [];
  storeConformance({
    test: (title, run) => tests.push([title, run]),
    makeStore: () => {
      const store = makeStore();
      const beforeCommand = hooks.get(store);
      return { store, reopen: () => store, ...(beforeCommand && { beforeCommand }) };
    },
    skip: (title) => outcome.skipped.push(title),
    sequences: 30,
  });
  for (const [title, run] of tests) {
    const skipped = outcome.skipped.length;
    await run().then(
      () => outcome.skipped.length === skipped && outcome.passed.push(title),
      () => outcome.failed.push(title),
    );
  }
  return outcome;
}

/** A memory store with some of its methods made otherwise. */
function altered(alter: (right: MemoryStore) => object): SessionStore {
  const right = memoryStore();
  const wrong = alter(right);
  return new Proxy(right, {
    get(target, name) {
      const member = Reflect.get(name in wrong ? wrong : target, name);
      return typeof member === 'function' ? member.bind(name in wrong ? wrong : target) : member;
    },
    has: (target, name) => name in target,
  });
}

type Perform = (right: MemoryStore, step: () => Promise<void>, name: string, args: unknown[]) => Promise<unknown>;

const hooks = new WeakMap<SessionStore, (hook: (() => unknown) | undefined) => void>();

/** A store that changes things in commands, as one that talks to a server does. */
function stepwise(perform: Perform): SessionStore {
  const right = memoryStore();
  let hook: (() => unknown) | undefined;
  const step = async () => void (await hook?.());
  const changes = ['create', 'update', 'touch', 'end', 'replace', 'endByOwner'];
  const store = altered(() =>
    Object.fromEntries([
      ...changes.map((name) => [name, (...args: unknown[]) => perform(right, step, name, args)]),
      ...['read', 'listByOwner', 'scan', 'sweep', 'watch'].map((name) => [name, Reflect.get(right, name).bind(right)]),
    ]),
  );
  hooks.set(store, (next) => {
    hook = next;
  });
  return store;
}

const far = Date.now() + 1e12;

/** Slips that a store's author could make, each with the group of laws that must notice. */
const slips: [slip: string, group: string, alter: (right: MemoryStore) => object][] = [
  [
    'update ignores the version',
    'compare and set',
    (right) => ({
      update(...[id, record]: Parameters<MemoryStore['update']>) {
        const found = right.read(id);
        return !found || isEnded(found) ? 'gone' : right.update(id, record, found.version);
      },
    }),
  ],
  [
    'update creates what is not there',
    'lifecycle',
    (right) => ({
      update(...[id, record, expected]: Parameters<MemoryStore['update']>) {
        if (right.read(id) === undefined) right.create(id, record);
        return right.update(id, record, expected);
      },
    }),
  ],
  [
    'end leaves no marker',
    'no resurrection',
    (right) => ({
      end(...[id, ending]: Parameters<MemoryStore['end']>) {
        const ended = right.end(id, { ...ending, keepUntil: 0 });
        right.sweep(1, 10);
        return ended;
      },
    }),
  ],
  [
    'touch moves the deadline back',
    'deadlines',
    (right) => ({
      touch(...[id, idleDeadline]: Parameters<MemoryStore['touch']>) {
        const found = right.read(id);
        if (!found || isEnded(found)) return 'gone';
        right.end(id, { reason: 'x', at: 0, keepUntil: 0 });
        right.sweep(1, 1);
        right.create(id, { ...found, idleDeadline });
        return 'touched';
      },
    }),
  ],
  [
    'a repeated update is a conflict',
    'idempotence',
    (right) => ({
      update(...[id, record, expected]: Parameters<MemoryStore['update']>) {
        const found = right.read(id);
        if (found && !isEnded(found) && found.version !== expected) return { conflict: found };
        return right.update(id, record, expected);
      },
    }),
  ],
  [
    'replace creates first, and leaves the new session when the old one is gone',
    'replace',
    (right) => ({
      replace(...[oldId, expected, id, record, ending, owning]: Parameters<MemoryStore['replace']>) {
        const answer = right.create(id, record, owning);
        if (answer !== 'created') return answer;
        const old = right.read(oldId);
        if (!old || isEnded(old)) return 'gone';
        if (old.version !== expected) return { conflict: old };
        right.end(oldId, ending);
        return 'replaced';
      },
    }),
  ],
  [
    'the limit is looked at before the session is created, not with it',
    'owners',
    (right) => ({
      async create(...[id, record, owning]: Parameters<MemoryStore['create']>) {
        const count = record.owner ? right.listByOwner(record.owner).length : 0;
        if (owning?.limit !== undefined && owning.onExceed !== 'evict-oldest' && count >= owning.limit) return 'limit';
        await undefined;
        const { limit: _, ...rest } = owning ?? { now: 0, startedAt: far };
        return right.create(id, record, owning?.onExceed === 'evict-oldest' ? owning : rest);
      },
    }),
  ],
  [
    'endByOwner leaves no mark',
    'owners',
    (right) => ({
      endByOwner(...[owner, ending, options]: Parameters<MemoryStore['endByOwner']>) {
        return right.endByOwner(owner, { ...ending, at: Math.min(ending.at, 0) }, options);
      },
    }),
  ],
  [
    'ids are compared without case',
    'bytes',
    (right) => ({
      create: (...[id, ...rest]: Parameters<MemoryStore['create']>) => right.create(lower(id), ...rest),
      read: (id: Parameters<MemoryStore['read']>[0]) => right.read(lower(id)),
    }),
  ],
  [
    'a sweep removes what has one more millisecond to live',
    'walking',
    (right) => ({ sweep: (now: number, limit: number) => right.sweep(now + 1, limit) }),
  ],
  [
    'a scan forgets its last page',
    'walking',
    (right) => ({
      scan(cursor?: string) {
        const page = right.scan(cursor);
        return page.cursor === undefined ? { entries: [] } : page;
      },
    }),
  ],
  [
    'a second end replaces the reason',
    'idempotence',
    (right) => {
      const reasons = new Map<string, { ended: string; at: number }>();
      return {
        end(...[id, ending]: Parameters<MemoryStore['end']>) {
          reasons.set(id, { ended: ending.reason, at: ending.at });
          return right.end(id, ending);
        },
        read(id: Parameters<MemoryStore['read']>[0]) {
          const found = right.read(id);
          return found && isEnded(found) ? (reasons.get(id) ?? found) : found;
        },
      };
    },
  ],
  ['no notice of an end', 'watching', (right) => ({ watch: () => ({ ...right.watch(() => undefined) }) })],
];

function lower<Id extends string>(id: Id): Id {
  return id.toLowerCase() as Id;
}

describe('the conformance kit', () => {
  it.each(slips)('turns red for a store where %s', async (_, group, alter) => {
    const { failed } = await judge(() => altered(alter));
    expect(failed.map((title) => title.split(':')[0])).toContain(group);
  });

  it('skips what a store does not have, and says so for each law', async () => {
    const names = ['create', 'read', 'update', 'touch', 'end', 'replace'] as const;
    const { failed, skipped, passed } = await judge(() => {
      const full = memoryStore();
      const methods = names.map((name) => [name, (full[name] as () => unknown).bind(full)]);
      return { name: 'bare', networked: false, ...Object.fromEntries(methods) } as SessionStore;
    });
    expect(failed).toEqual([]);
    expect(new Set(skipped.map((title) => title.split(':')[0]))).toEqual(
      new Set([
        'no resurrection',
        'idempotence',
        'replace',
        'owners',
        'bytes',
        'walking',
        'watching',
        'sequences',
        'races',
      ]),
    );
    expect(passed.length).toBeGreaterThan(40);
  });

  it('runs other changes, and crashes, before each command of a store that has several', async () => {
    const whole = await judge(() =>
      stepwise(async (right, step, name, args) => {
        const copy = structuredClone(args);
        await step();
        return Reflect.apply(Reflect.get(right, name), right, copy);
      }),
    );
    expect(whole.failed).toEqual([]);
    expect(whole.skipped).toEqual([]);
    const torn = await judge(() =>
      stepwise(async (right, step, name, args) => {
        await step();
        if (name !== 'update') return Reflect.apply(Reflect.get(right, name), right, args);
        const [id, record, expected] = args as Parameters<MemoryStore['update']>;
        const found = right.read(id);
        if (!found || isEnded(found)) return 'gone';
        if (found.version !== expected && found.version !== record.version) return { conflict: found };
        await step();
        return right.update(id, record, (right.read(id) as typeof found).version);
      }),
    );
    expect(torn.failed).toContain('races: update with any other change before each of its commands');
  });

  it('closes every store that it was given, also when a law fails', async () => {
    let open = 0;
    await judge(() => {
      open++;
      return altered(() => ({
        read: () => undefined,
        close: () => void open--,
      }));
    });
    // One law closes twice itself, and the kit once more.
    expect(open).toBeLessThanOrEqual(0);
  });
});
