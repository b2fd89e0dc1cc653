import { describe, expect, test } from 'vitest';
import { deferred } from '../../test/support/deferred.js';
import { FakeClock } from '../../test/support/fake-clock.js';
import { SessionError } from './errors.js';
import { Events, type SessionEvent } from './events.js';
import { StoreGuard } from './store-guard.js';

function guarded() {
  const clock = new FakeClock();
  const heard: SessionEvent[] = [];
  const events = new Events(() => clock.now());
  events.on((event) => heard.push(event));
  return { clock, heard, guard: new StoreGuard('test', 2_000, clock, events) };
}

const failing = () => {
  throw new Error('no link');
};

describe('a store operation', () => {
  test('answers at once where the store does, without a promise', () => {
    expect(guarded().guard.call('read', () => 5)).toBe(5);
  });

  test('that hangs is one clear error at the deadline, and its outcome is said to be unknown', async () => {
    const { guard, clock, heard } = guarded();
    const answer = guard.call('update', () => new Promise(() => {}));
    clock.advance(2_000);
    await expect(answer).rejects.toMatchObject({
      code: 'ERR_SESSION_STORE_UNAVAILABLE',
      status: 503,
      outcome: 'unknown',
    });
    expect(heard.map((event) => event.type)).toEqual(['store-fault']);
  });

  test('that answers after its deadline changes nothing for the request, and shows that the store is back', async () => {
    const { guard, clock } = guarded();
    const late = deferred<number>();
    const answer = guard.call('read', () => late.promise);
    clock.advance(2_000);
    await expect(answer).rejects.toBeInstanceOf(SessionError);
    late.resolve(1);
    await late.promise;
    expect(guard.call('read', () => 2)).toBe(2);
  });

  test('that no request waits for shuts nobody out, however it fails, and is no probe', async () => {
    const { guard, clock, heard } = guarded();
    const sweep = guard.background('sweep', () => new Promise(() => {}));
    clock.advance(2_000);
    await expect(sweep).rejects.toMatchObject({ code: 'ERR_SESSION_STORE_UNAVAILABLE' });
    await expect(guard.background('sweep', () => Promise.reject(new Error('a lock')))).rejects.toThrow('a lock');
    expect(() => guard.background('sweep', failing)).toThrow('no link');
    expect([guard.call('read', () => 1), guard.call('read', () => 2)]).toEqual([1, 2]);
    expect(heard.map((event) => event.type)).toEqual(['store-fault', 'store-fault', 'store-fault']);

    expect(() => guard.call('read', failing)).toThrow('no link');
    clock.advance(250);
    expect(() => guard.background('sweep', failing)).toThrow('no link');
    expect(guard.call('read', () => 3)).toBe(3);
  });

  test('that fails after its deadline changes nothing: it was told of, and the store may have come back since', async () => {
    const { guard, clock, heard } = guarded();
    const late = deferred<number>();
    const answer = guard.call('read', () => late.promise);
    clock.advance(2_000);
    await expect(answer).rejects.toBeInstanceOf(SessionError);
    clock.advance(250);
    expect(guard.call('read', () => 1)).toBe(1);
    late.reject(new Error('the old link is gone'));
    await expect(late.promise).rejects.toThrow();
    expect(guard.call('read', () => 2)).toBe(2);
    expect(heard.map((event) => event.type)).toEqual(['store-fault', 'store-recovered']);
  });

  test('after a fault fails at once, but for one probe every 250 ms; one success ends that', () => {
    const { guard, clock, heard } = guarded();
    expect(() => guard.call('read', failing)).toThrow(/no link/);
    let tried = 0;
    const attempt = () => guard.call('read', () => ++tried);
    expect(attempt).toThrow(/probed every 250 ms/);
    clock.advance(249);
    expect(attempt).toThrow(SessionError);
    expect(tried).toBe(0);
    clock.advance(1);
    expect(attempt()).toBe(1);
    expect(attempt()).toBe(2);
    expect(heard.map((event) => event.type)).toEqual(['store-fault', 'store-recovered']);
  });

  test('that fails as a probe keeps the breaker shut for another 250 ms', () => {
    const { guard, clock } = guarded();
    expect(() => guard.call('read', failing)).toThrow(/no link/);
    clock.advance(250);
    expect(() => guard.call('read', failing)).toThrow(/no link/);
    expect(() => guard.call('read', () => 1)).toThrow(/probed/);
  });

  test('that finds the store full says so, without shutting the breaker', () => {
    const { guard } = guarded();
    const full = new SessionError('ERR_SESSION_STORE_FULL', 'full');
    expect(() =>
      guard.call('create', () => {
        throw full;
      }),
    ).toThrow(full);
    expect(guard.call('read', () => 1)).toBe(1);
  });

  test('that rejects with anything at all is one clear error, and no hang', async () => {
    const oddMessage = Object.assign(new Error('x'), { message: Object.create(null) });
    for (const thrown of [Object.create(null), undefined, Symbol('odd'), oddMessage, 'no link']) {
      const answer = guarded().guard.call('read', () => Promise.reject(thrown));
      await expect(answer).rejects.toMatchObject({ code: 'ERR_SESSION_STORE_UNAVAILABLE' });
    }
  });

  test('that answers with a thenable which throws is one clear error, and leaves no timer', async () => {
    const { guard, clock } = guarded();
    // biome-ignore lint/suspicious/noThenProperty: what a careless client answers with
    const broken = { then: failing } as unknown as Promise<number>;
    await expect(guard.call('read', () => broken)).rejects.toMatchObject({ code: 'ERR_SESSION_STORE_UNAVAILABLE' });
    expect(clock.pending).toBe(0);
  });

  test('that had too little time left says nothing about the store', async () => {
    const { guard, clock } = guarded();
    const deadline = guard.deadline();
    clock.advance(1_500);
    const answer = guard.call('update', () => new Promise(() => {}), deadline);
    clock.advance(500);
    await expect(answer).rejects.toMatchObject({ status: 503, outcome: 'unknown' });
    expect(guard.call('read', () => 1)).toBe(1);
  });

  test('that fails without a message names its code', () => {
    const refused = Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' });
    const run = () => {
      throw refused;
    };
    expect(() => guarded().guard.call('read', run)).toThrow(/ECONNREFUSED/);
  });
});
