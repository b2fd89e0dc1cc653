/** Stores of express-session under our contract: the published kit, and what their own expiry makes of a record. */
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Bridge } from '../../src/express-session/bridge/bridge.js';
import { bridged, isExpressSessionStore } from '../../src/express-session/bridge/face.js';
import { makeEnding, makeId, makeRecord, storeConformance } from '../../src/stores/conformance/index.js';
import { bridgedKinds, type OpenBridged, stopSharedRedis } from '../support/bridged-stores.js';

afterAll(stopSharedRedis);

describe.each(bridgedKinds)('$name, bridged, keeps to the contract within a process', (kind) => {
  storeConformance({
    test: (title, run) => void it(title, (context) => run(context)),
    async makeStore() {
      const { store, remove } = await kind.open();
      return { store: new Bridge(store), reopen: () => new Bridge(store), close: remove };
    },
    skip: (_title, reason, context) => (context as { skip(reason: string): void }).skip(reason),
    atomicReplace: false,
    sequences: kind.name === 'MemoryStore' ? 200 : 10,
  });
});

const hourMs = 3_600_000;

describe.each(bridgedKinds)('the expiry of $name', (kind) => {
  let opened: OpenBridged;
  beforeEach(async () => {
    opened = await kind.open();
  });
  afterEach(() => opened.remove());

  it('is told by its methods from a store of ours', () => expect(isExpressSessionStore(opened.store)).toBe(true));

  it('never comes before the deadline of the record, nor before a marker may go', async (context) => {
    const { keepsMs } = opened;
    if (!keepsMs) return context.skip('it keeps no deadline that can be asked for');
    const store = bridged(opened.store);
    const id = makeId();
    const until = Date.now() + 2 * hourMs;
    await store.create(id, makeRecord({ idleDeadline: until }));
    // Read before the clock: what is left is then counted too short, never too long.
    const least = (kept: number) => Date.now() + kept;
    expect(least(await keepsMs(id))).toBeGreaterThanOrEqual(until);
    expect(await keepsMs(id)).toBeLessThan(2 * hourMs + 3_000);
    await store.touch(id, until + hourMs);
    expect(least(await keepsMs(id))).toBeGreaterThanOrEqual(until + hourMs);
    const ending = makeEnding();
    await store.end(id, { ...ending, keepUntil: until });
    expect(least(await keepsMs(id))).toBeGreaterThanOrEqual(until);
    expect(await store.read(id)).toMatchObject({ ended: ending.reason });
  });

  it('takes a record away once its deadline has passed, and nothing brings it back', async () => {
    const store = bridged(opened.store);
    const id = makeId();
    const record = makeRecord({ idleDeadline: Date.now() - 60_000 });
    await store.create(id, record);
    // Files and LRUs may still have it: the deadline in the record is what counts.
    const found = await store.read(id);
    if (found) return expect(found).toMatchObject({ idleDeadline: record.idleDeadline });
    expect(await store.touch(id, Date.now() + hourMs)).toBe('gone');
    expect(await store.update(id, makeRecord(), record.version)).toBe('gone');
    expect(await store.read(id)).toBeUndefined();
  });

  it.each([
    ['a session of express-session', { cookie: { originalMaxAge: hourMs }, userId: 'ada' }],
    ['no object for what is ours', { cookie: {}, holdfast: 'text' }],
    ['numbers for text', { cookie: {}, holdfast: { bytes: 1, version: 2, until: 3 } }],
    ['text for a deadline', { cookie: {}, holdfast: { bytes: 'AAAA', version: 'AAAAAAAAAAA', until: 'never' } }],
    ['a marker without a moment', { cookie: {}, holdfast: { ended: 'revoked' } }],
  ])('is not trusted with what others put there: %s is nothing that opens, and can be ended', async (_, session) => {
    const id = makeId();
    const expires = new Date(Date.now() + hourMs);
    const cookie = { ...session.cookie, expires, originalMaxAge: hourMs, maxAge: hourMs };
    await new Promise<void>((resolve, reject) =>
      opened.store.set(id, { ...session, cookie } as never, (error) => (error ? reject(error) : resolve())),
    );
    const store = bridged(opened.store);
    expect(await store.read(id)).toMatchObject({ idleDeadline: Number.NaN });
    expect(await store.create(id, makeRecord())).toBe('exists');
    expect(await store.touch(id, Date.now() + hourMs)).toBe('gone');
    expect(await store.end(id, makeEnding('revoked'))).toBe(true);
    expect(await store.read(id)).toMatchObject({ ended: 'revoked' });
  });
});
