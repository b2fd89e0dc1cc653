/** What the engine promises where a store, a client or a handler does not play along. */
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { testSecret } from '../../test/support/app.js';
import { BareRequest, newEngine, opened, tokenOf } from '../../test/support/bare-request.js';
import { deferred } from '../../test/support/deferred.js';
import { FakeClock } from '../../test/support/fake-clock.js';
import { spyOn } from '../../test/support/spy-store.js';
import { memoryStore } from '../stores/memory.js';
import { Engine } from './engine.js';
import { resolveEngineOptions } from './options.js';
import type { SessionStore, Watch } from './store.js';

async function begun(more: { readonly watch?: Watch } = {}) {
  const clock = new FakeClock();
  const memory = memoryStore({ clock });
  const spy = spyOn(memory, more.watch ? [] : ['watch']);
  const { watch } = more;
  if (watch) spy.around = (operation, run) => (operation === 'watch' ? watch : run());
  const engine = newEngine(spy.store, { clock });
  const first = await BareRequest.open(engine, undefined);
  const token = tokenOf(await first.answer(({ session }) => session.signIn('ada')));
  if (!token) throw new Error('no token');
  return { clock, memory, spy, engine, token, id: first.session.id };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('a store that answers what the contract does not have', () => {
  test.each([undefined, null, {}, 'yes', 5])('to a write is a fault: %j', async (answer) => {
    const { engine, spy, token } = await begun();
    spy.around = (operation, run) => (operation === 'update' ? answer : run());
    const request = await BareRequest.open(engine, token);
    const outcome = await request.answer(({ session }) => Object.assign(session, { views: 1 }));
    expect(outcome).toMatchObject({ acked: false, code: 'ERR_SESSION_STORE_UNAVAILABLE' });
  });

  test.each([true, 'text', 5, { ended: 5, at: 1 }])('to a read opens nothing: %j', async (answer) => {
    const { engine, spy, token } = await begun();
    spy.around = (operation, run) => (operation === 'read' ? answer : run());
    expect(await opened(engine, token)).toBeUndefined();
  });

  test('cannot take the idle limit away with a deadline that is no number', async () => {
    const { engine, spy, token } = await begun();
    spy.around = (operation, run) =>
      operation === 'read' ? { ...(run() as object), idleDeadline: Number.NaN } : run();
    expect(await opened(engine, token)).toBeUndefined();
  });
});

test('update() on an array of 200,000 items keeps each, in the array that the handler holds', async () => {
  const engine = newEngine(memoryStore({ maxBytes: 16 * 1024 * 1024 }), { maxDataBytes: 2 * 1024 * 1024 });
  const first = await BareRequest.open(engine, undefined);
  const list = Array.from({ length: 200_000 }, () => 1);
  const token = tokenOf(await first.answer(({ session }) => Object.assign(session, { list })));
  const request = await BareRequest.open(engine, token);
  await request.answer(async ({ session }) => {
    const { list: held } = session as unknown as { list: number[] };
    await session.update<{ list: number[] }>((data) => void data.list.push(2));
    expect([held.length, held.at(-1)]).toEqual([200_001, 2]);
    await session.update<{ list: number[] }>((data) => void data.list.splice(1));
    expect(held).toEqual([1]);
  });
});

describe('waiting', () => {
  test('behind other commits of the session ends in an answer, however slow the store is', async () => {
    const { engine, spy, clock, token } = await begun();
    const updates: (() => void)[] = [];
    spy.around = (operation, run) => {
      if (operation !== 'update') return run();
      const held = deferred();
      updates.push(held.resolve);
      return held.promise.then(run);
    };
    const requests = await Promise.all(Array.from({ length: 9 }, () => BareRequest.open(engine, token)));
    let answered = 0;
    for (const [i, request] of requests.entries()) {
      const work = request.answer(({ session }) => Object.assign(session, { [`k${i}`]: i }));
      work.finally(() => answered++);
    }
    // Each update takes 1.5 s of the 2 s that a store may take, so no single one is a fault.
    for (let i = 0; i < 3; i++) {
      await turn();
      clock.advance(1_500);
      updates.shift()?.();
    }
    await turn();
    expect(answered).toBe(9);
  });
});

describe('verbs', () => {
  test('save() that resolves has stored, also when the client has left', async () => {
    const { engine, token } = await begun();
    const request = await BareRequest.open(engine, token);
    request.session.paid = true;
    engine.abandon(request.handle);
    await request.session.save();
    expect(await opened(engine, token)).toMatchObject({ paid: true });
  });

  test('update() decides on what is stored now, also where it decides to change nothing', async () => {
    const { engine, token } = await begun();
    const request = await BareRequest.open(engine, token);
    expect(request.session.stock).toBeUndefined();
    await (await BareRequest.open(engine, token)).answer(({ session }) => Object.assign(session, { stock: 1 }));
    await request.session.update<{ stock?: number }>((data) => {
      if (data.stock) data.stock--;
    });
    expect(await opened(engine, token)).toMatchObject({ stock: 0 });
  });

  test('reload() of a record that another instance sealed with a newer secret is temporary, not an end', async () => {
    const { engine, memory, clock, token } = await begun();
    const secrets = ['an0ther-s3cret-Zq8wV2nL5xK7pY3mB9dTabc', testSecret];
    const ahead = new Engine(memory, secrets, resolveEngineOptions({ clock }));
    const request = await BareRequest.open(engine, token);
    expect(request.session.views).toBeUndefined();
    await (await BareRequest.open(ahead, token)).answer(({ session }) => Object.assign(session, { views: 1 }));
    await expect(request.session.reload()).rejects.toMatchObject({
      code: 'ERR_SESSION_RECORD_UNREADABLE',
      status: 503,
    });
    expect(request.handle.phase).toBe('alive');
  });

  test('signIn takes `persistent` as true or false only', async () => {
    const { engine } = await begun();
    const { session } = await BareRequest.open(engine, undefined);
    const options = { persistent: 'false' as unknown as boolean };
    await expect(session.signIn('ada', options)).rejects.toMatchObject({ code: 'ERR_SESSION_OPTION' });
  });
});

describe('info.signal', () => {
  test('asked for before the session begins tells of its end', async () => {
    const { engine } = await begun();
    const { session } = await BareRequest.open(engine, undefined);
    const { signal } = session.info;
    await session.signIn('ada');
    await engine.endSession(session.id, 'revoked');
    expect(signal.aborted).toBe(true);
    await session.signIn('ada');
    expect(session.info.signal.aborted).toBe(false);
  });

  test('asked for after the response keeps nothing and watches nothing', async () => {
    const { engine, clock, token } = await begun();
    const request = await BareRequest.open(engine, token);
    await request.answer(({ session }) => session.views);
    expect(request.session.info.signal.aborted).toBe(false);
    await request.session.signIn('bea');
    expect(clock.pending).toBe(0);
  });

  test.each([
    ['fails', () => Promise.reject(new Error('no link'))],
    ['hangs', () => new Promise<void>(() => {})],
  ])('tells within 2 s of an end that a link which %s kept quiet about', async (_, heartbeat) => {
    const watch: Watch = { read: () => undefined, heartbeat, close: () => undefined };
    const { engine, memory, clock, token, id } = await begun({ watch });
    const { session } = await BareRequest.open(engine, token);
    const { signal } = session.info;
    for (let second = 0; second < 3; second++) {
      await turn();
      clock.advance(1_000);
    }
    await turn();
    memory.end(id, { reason: 'revoked', at: clock.now(), keepUntil: clock.now() + 60_000 });
    for (let second = 0; second < 2; second++) {
      clock.advance(1_000);
      await turn();
    }
    expect(signal.aborted).toBe(true);
  });

  test('close() tells its caller of a link that can not be closed, and closes the store all the same', async () => {
    const watch: Watch = {
      read: () => undefined,
      heartbeat: () => undefined,
      close: () => Promise.reject(new Error('no link')),
    };
    const { spy, token } = await begun({ watch });
    const closed = deferred();
    const store: SessionStore = Object.assign(Object.create(spy.store), { close: closed.resolve });
    const engine = newEngine(store);
    const { session } = await BareRequest.open(engine, token);
    expect(session.info.signal.aborted).toBe(false);
    await expect(engine.close()).rejects.toThrow('no link');
    await closed.promise;
  });
});

test('a handle shows nothing of its secrets, however deep it is printed', async () => {
  const { engine, token } = await begun();
  const { handle } = await BareRequest.open(engine, token);
  expect(inspect({ handle }, { depth: 9, showHidden: true })).toBe('{ handle: SessionHandle <alive> }');
});
