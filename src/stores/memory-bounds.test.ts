import { inspect } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { SessionError } from '../core/errors.js';
import type { SessionId } from '../core/ids.js';
import { makeEnding, makeId, makeOwner, makeOwning, makeRecord } from './conformance/index.js';
import { type MemoryStore, memoryStore } from './memory.js';

/** A clock that stands until it is moved; both of its hands go together. */
function standingClock(at = 1_000_000) {
  const clock = { at, now: () => clock.at, monotonic: () => clock.at, after: () => () => undefined };
  return clock;
}

const add = (store: MemoryStore, fields: Parameters<typeof makeRecord>[0] = {}): SessionId => {
  const id = makeId();
  expect(store.create(id, makeRecord(fields))).toBe('created');
  return id;
};
const has = (store: MemoryStore, id: SessionId) => 'bytes' in (store.read(id) ?? {});
const codeOf = (run: () => unknown) => {
  try {
    run();
    return 'no error';
  } catch (error) {
    return error instanceof SessionError ? error.code : 'another error';
  }
};

describe('a full memory store', () => {
  it('evicts the anonymous session that was written longest ago, without a marker', () => {
    const store = memoryStore({ maxSessions: 3 });
    const [first, second, third] = [add(store), add(store), add(store)];
    store.touch(first, Date.now() + 1e9);
    store.read(second);
    const fourth = add(store);
    expect([first, second, third, fourth].map((id) => has(store, id))).toEqual([true, false, true, true]);
    expect(store.read(second)).toBeUndefined();
  });

  it('never evicts a session with an owner, and refuses when only such are left', () => {
    const store = memoryStore({ maxSessions: 4 });
    const owned = [add(store, { owner: makeOwner() }), add(store, { owner: makeOwner() })];
    for (let n = 0; n < 50; n++) add(store);
    expect(owned.every((id) => has(store, id))).toBe(true);
    owned.push(add(store, { owner: makeOwner() }), add(store, { owner: makeOwner() }));
    const refused = makeId();
    expect(codeOf(() => store.create(refused, makeRecord()))).toBe('ERR_SESSION_STORE_FULL');
    expect(codeOf(() => store.create(refused, makeRecord({ owner: makeOwner() })))).toBe('ERR_SESSION_STORE_FULL');
    expect(() => store.create(refused, makeRecord())).toThrow(/maxSessions 4.*lmdbStore/s);
    expect(store.read(refused)).toBeUndefined();
    expect(owned.every((id) => has(store, id))).toBe(true);
  });

  it('still lets people sign in, sign out and change what they have', () => {
    const store = memoryStore({ maxSessions: 2 });
    const owner = makeOwner();
    const [kept, anonymous] = [add(store, { owner }), makeId()];
    const record = makeRecord();
    store.create(anonymous, record);
    const signedIn = makeId();
    const owning = makeOwning({ limit: 2 });
    const successor = makeRecord({ owner });
    expect(store.replace(anonymous, record.version, signedIn, successor, makeEnding(), owning)).toBe('replaced');
    expect(store.update(signedIn, makeRecord(), successor.version)).toBe('updated');
    const evicting = makeOwning({ limit: 2, onExceed: 'evict-oldest' });
    expect(store.create(makeId(), makeRecord({ owner }), evicting)).toBe('created');
    expect(store.read(kept)).toHaveProperty('ended', 'evicted');
    expect(store.end(signedIn, makeEnding())).toBe(true);
    add(store);
  });

  it('drops what has expired before it evicts or refuses anybody', () => {
    const clock = standingClock();
    const store = memoryStore({ maxSessions: 3, clock });
    const live = add(store, { idleDeadline: clock.at + 5_000 });
    const expiring = add(store, { idleDeadline: clock.at + 1_000, owner: makeOwner() });
    const other = add(store, { idleDeadline: clock.at + 5_000 });
    clock.at += 1_000;
    const next = add(store, { idleDeadline: clock.at + 5_000 });
    expect([live, expiring, other, next].map((id) => has(store, id))).toEqual([true, false, true, true]);
  });

  it('counts bytes, evicts for them, and evicts nobody for what can never fit', () => {
    const store = memoryStore({ maxBytes: 10_000 });
    const small = Array.from({ length: 5 }, () => add(store, { bytes: new Uint8Array(1_000) }));
    expect(codeOf(() => add(store, { bytes: new Uint8Array(9_600) }))).toBe('ERR_SESSION_STORE_FULL');
    expect(small.every((id) => has(store, id))).toBe(true);
    add(store, { bytes: new Uint8Array(3_000) });
    expect(small.map((id) => has(store, id))).toEqual([false, true, true, true, true]);
  });

  it('makes room for an update that grows, but not by evicting that session', () => {
    const store = memoryStore({ maxBytes: 10_000 });
    const [id, record] = [makeId(), makeRecord({ bytes: new Uint8Array(1_000) })];
    store.create(id, record);
    const others = Array.from({ length: 4 }, () => add(store, { bytes: new Uint8Array(1_000) }));
    expect(store.update(id, makeRecord({ bytes: new Uint8Array(6_000) }), record.version)).toBe('updated');
    expect(store.read(id)).toHaveProperty('bytes.length', 6_000);
    expect(others.filter((other) => has(store, other)).length).toBe(2);
    expect(codeOf(() => store.update(id, makeRecord({ bytes: new Uint8Array(20_000) }), makeRecord().version))).toBe(
      'no error',
    );
  });

  it('keeps its count when sessions come, change and go', () => {
    const store = memoryStore({ maxBytes: 20_000 });
    const owner = makeOwner();
    for (let round = 0; round < 200; round++) {
      const [id, next, record] = [makeId(), makeId(), makeRecord({ owner, bytes: new Uint8Array(5_000) })];
      const updated = makeRecord({ bytes: new Uint8Array(9_000) });
      store.create(id, record);
      store.update(id, updated, record.version);
      store.replace(id, updated.version, next, makeRecord({ owner, bytes: new Uint8Array(4_000) }), makeEnding());
      if (round % 2) store.end(next, makeEnding());
      else store.endByOwner(owner, makeEnding());
    }
    // Owned sessions are never evicted: had a byte leaked each round, this would not fit.
    add(store, { owner, bytes: new Uint8Array(19_000) });
    // And had one been forgotten, this would.
    expect(codeOf(() => add(store, { owner, bytes: new Uint8Array(100) }))).toBe('ERR_SESSION_STORE_FULL');
  });

  it('forgets the oldest markers and owner marks, never a live session', () => {
    const store = memoryStore({ maxSessions: 3 });
    const ended = Array.from({ length: 5 }, () => {
      const id = add(store);
      store.end(id, makeEnding());
      return id;
    });
    expect(ended.map((id) => store.read(id) !== undefined)).toEqual([false, false, true, true, true]);
    const at = Date.now();
    const owners = Array.from({ length: 5 }, makeOwner);
    for (const owner of owners) store.endByOwner(owner, makeEnding('revoked', at));
    const owning = makeOwning({ now: at, startedAt: at });
    const answers = owners.map((owner) => store.create(makeId(), makeRecord({ owner }), owning));
    expect(answers).toEqual(['created', 'created', 'barred', 'barred', 'barred']);
  });
});

describe('a sweep of a memory store', () => {
  const minute = 60_000;

  /** How many steps through a Map it takes, which is how it gets to a session. */
  const lookedAt = (store: MemoryStore, now: number): number => {
    const next = vi.spyOn(Object.getPrototypeOf(new Map().entries()), 'next');
    try {
      expect(store.sweep(now, 500)).toBe(0);
      return next.mock.calls.length;
    } finally {
      next.mockRestore();
    }
  };

  it('looks at no session whose minute has not come, however many there are', () => {
    const store = memoryStore();
    for (let n = 0; n < 2_000; n++) add(store, { idleDeadline: 10 * minute + n });
    expect(lookedAt(store, 9 * minute)).toBeLessThan(20);
  });

  it('files what was used since under its new minute, and has done with it until then', () => {
    const store = memoryStore();
    const used = Array.from({ length: 50 }, () => add(store, { idleDeadline: 5 * minute }));
    for (const id of used) store.touch(id, 20 * minute);
    expect(lookedAt(store, 6 * minute)).toBeGreaterThanOrEqual(50);
    expect(lookedAt(store, 7 * minute)).toBeLessThan(20);
    expect(store.sweep(20 * minute, 500)).toBe(50);
  });

  it('removes what ends within the minute that has begun, and leaves the rest of that minute', () => {
    const store = memoryStore();
    const [past, future] = [
      add(store, { idleDeadline: 5 * minute + 10 }),
      add(store, { idleDeadline: 5 * minute + 20 }),
    ];
    expect(store.sweep(5 * minute + 10, 500)).toBe(1);
    expect([past, future].map((id) => has(store, id))).toEqual([false, true]);
    expect(store.sweep(5 * minute + 20, 500)).toBe(1);
  });

  it('removes what has no moment for a deadline, and never what has no end', () => {
    const store = memoryStore();
    add(store, { idleDeadline: Number.NaN });
    const lasting = add(store, { idleDeadline: Number.POSITIVE_INFINITY });
    expect(store.sweep(1e15, 500)).toBe(1);
    expect(has(store, lasting)).toBe(true);
  });
});

describe('memoryStore options', () => {
  it.each([
    [{ maxSession: 5 }, /Did you mean 'maxSessions'/],
    [{ maxSessions: 0 }, /memoryStore: maxSessions: expected a whole number/],
    [{ maxSessions: '5' }, /memoryStore: maxSessions/],
    [{ maxBytes: 1.5 }, /memoryStore: maxBytes/],
    [{ clock: {} }, /memoryStore: clock.now/],
  ])('%j is refused by name', (options, message) => {
    const make = () => memoryStore(options as Parameters<typeof memoryStore>[0]);
    expect(make).toThrow(message);
    expect(codeOf(make)).toBe('ERR_SESSION_OPTION');
  });
});

describe('a memory store', () => {
  it('shows nothing of what it keeps', () => {
    const store = memoryStore();
    const id = add(store, { bytes: Buffer.from('very secret payload') });
    const shown = `${inspect(store, { depth: 9, showHidden: true })}${JSON.stringify(store)}${String(store)}`;
    expect(shown).not.toContain(id);
    expect(shown).not.toMatch(/secret|76 65 72 79|Uint8Array/);
  });

  it('tells a listener that throws from a write that failed', async () => {
    const store = memoryStore();
    const id = add(store);
    const warned = new Promise((resolve) => process.once('warning', resolve));
    store.watch(() => {
      throw new Error('from the listener');
    });
    expect(store.end(id, makeEnding())).toBe(true);
    expect(await warned).toHaveProperty('message', expect.stringContaining('from the listener'));
  });
});
