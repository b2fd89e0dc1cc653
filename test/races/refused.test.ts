/** A verb that is refused, or fails, after it has heard of another request's change: that change stays. */
import { describe, expect, it } from 'vitest';
import type { EngineOptions } from '../../src/core/options.js';
import { faultyStore } from '../../src/stores/conformance/faulty.js';
import { memoryStore } from '../../src/stores/memory.js';
import { BareRequest, newEngine, opened, tokenOf } from '../support/bare-request.js';
import { FakeClock } from '../support/fake-clock.js';
import { probeEveryMs } from '../support/planned-fault.js';
import { StoppableStore } from '../support/stoppable-store.js';

const limit = { maxPerOwner: { limit: 1, onExceed: 'reject' } } as const;

const put = (data: object) => (request: BareRequest) => void Object.assign(request.session, data);

async function world(options: EngineOptions) {
  const clock = new FakeClock();
  const faulty = faultyStore(memoryStore({ clock }));
  const engine = newEngine(faulty.store, { clock, ...options });
  const answered = async (token: string | undefined, handler: Parameters<BareRequest['answer']>[0]) =>
    (await BareRequest.open(engine, token)).answer(handler);
  const start = tokenOf(await answered(undefined, put({ a: 1 }))) as string;
  return { clock, faulty, engine, answered, start };
}

describe('what another request has stored stays', () => {
  it.each([[{ keep: [] }], [{ keep: ['a'] }]])('when a sign-in with %j is refused', async (options) => {
    const { engine, answered, start } = await world(limit);
    await answered(undefined, ({ session }) => session.signIn('ada'));
    const late = await BareRequest.open(engine, start);
    void late.session.a;
    expect(await answered(start, put({ b: 2 }))).toMatchObject({ acked: true });
    const outcome = await late.answer(async ({ session }) => {
      await expect(session.signIn('ada', options)).rejects.toMatchObject({ code: 'ERR_SESSION_LIMIT' });
      session.c = 3;
    });
    expect(outcome).toMatchObject({ acked: true });
    expect(await opened(engine, start)).toEqual({ a: 1, b: 2, c: 3 });
  });

  it('when a regeneration meets a change, and then a fault', async () => {
    const { clock, faulty, engine, answered, start } = await world({});
    const late = await BareRequest.open(engine, start);
    void late.session.a;
    expect(await answered(start, put({ b: 2 }))).toMatchObject({ acked: true });
    faulty.after('replace', () => faulty.on('replace', 'reject', { times: 1 }));
    const outcome = await late.answer(async ({ session }) => {
      await expect(session.regenerate()).rejects.toMatchObject({ code: 'ERR_SESSION_STORE_UNAVAILABLE' });
      clock.advance(probeEveryMs);
      session.c = 3;
    });
    expect(outcome).toMatchObject({ acked: true });
    expect(await opened(engine, start)).toEqual({ a: 1, b: 2, c: 3 });
  });

  it('when a sign-in that keeps data meets it with data that can not be stored', async () => {
    const { engine, answered, start } = await world({});
    const late = await BareRequest.open(engine, start);
    Object.assign(late.session, { list: [1], tmp: Symbol('not storable') });
    expect(await answered(start, put({ b: 2 }))).toMatchObject({ acked: true });
    const outcome = await late.answer(async ({ session }) => {
      const refused = expect(session.signIn('ada', { keep: ['a'] })).rejects;
      await refused.toMatchObject({ code: 'ERR_SESSION_DATA_UNSUPPORTED' });
      delete session.tmp;
    });
    expect(outcome).toMatchObject({ acked: true });
    expect(await opened(engine, start)).toEqual({ a: 1, b: 2, list: [1] });
  });

  it.each(['signIn', 'regenerate'] as const)('or is dropped by %s with the rest, whatever that is', async (verb) => {
    const { engine, answered, start } = await world({});
    const late = await BareRequest.open(engine, start);
    late.session.tmp = Symbol('not storable');
    expect(await answered(start, put({ b: 2 }))).toMatchObject({ acked: true });
    const outcome = await late.answer(({ session }) =>
      verb === 'signIn' ? session.signIn('ada') : session.regenerate(),
    );
    expect(outcome).toMatchObject({ acked: true });
    expect(await opened(engine, start)).toBeUndefined();
    expect(await opened(engine, tokenOf(outcome) as string)).toEqual({});
  });

  it('and is not written into what this request copied from the same object', async () => {
    const { engine, answered, start } = await world({});
    const begin = put({ list: [1], draft: { n: 1, deep: { m: 1 } } });
    expect(await answered(start, begin)).toMatchObject({ acked: true });
    const late = await BareRequest.open(engine, start);
    const { session } = late;
    Object.assign(session, { listBefore: session.list, published: session.draft, deepest: session.draft.deep });
    await answered(start, ({ session: theirs }) => {
      theirs.list.push(2);
      theirs.draft.n = 2;
      theirs.draft.deep.m = 2;
    });
    expect(await late.answer(() => session.save())).toMatchObject({ acked: true });
    const stored = { list: [1, 2], draft: { n: 2, deep: { m: 2 } }, listBefore: [1] };
    const copies = { published: { n: 1, deep: { m: 1 } }, deepest: { m: 1 } };
    expect(await opened(engine, start)).toMatchObject({ ...stored, ...copies });
    expect({ ...session }).toMatchObject({ ...stored, ...copies });
  });

  it('when update() has stored its change and the handler put in what can not be stored meanwhile', async () => {
    const { engine, answered, start } = await world({});
    const outcome = await answered(start, async ({ session }) => {
      const updated = session.update((data) => void Object.assign(data, { a: 2 }));
      session.tmp = Symbol('not storable');
      await expect(updated).rejects.toMatchObject({ code: 'ERR_SESSION_DATA_UNSUPPORTED' });
      delete session.tmp;
      session.c = 3;
    });
    expect(outcome).toMatchObject({ acked: true });
    expect(await opened(engine, start)).toEqual({ a: 2, c: 3 });
  });
});

it.each(['stored', 'new'])("update() stores what its function made of a %s session's own objects", async (kind) => {
  const { engine, answered, start } = await world({});
  const begin = put({ a: 1, cart: { items: ['tea'] } });
  if (kind === 'stored') await answered(start, begin);
  const outcome = await answered(kind === 'new' ? undefined : start, async (request) => {
    if (kind === 'new') begin(request);
    await request.session.update((data) => {
      data.last = request.session.cart;
      data.cart = { items: [] };
    });
  });
  expect(outcome).toMatchObject({ acked: true });
  const token = tokenOf(outcome) ?? start;
  expect(await opened(engine, token)).toEqual({ a: 1, cart: { items: [] }, last: { items: ['tea'] } });
});

it('a sign-in that meets a change, and then the end of its session, begins a new one at once', async () => {
  const { faulty, engine, answered, start } = await world({});
  const late = await BareRequest.open(engine, start);
  expect(await answered(start, put({ b: 2 }))).toMatchObject({ acked: true });
  faulty.after('replace', () => engine.endSession(late.session.id as never, 'revoked'));
  const outcome = await late.answer(({ session }) => session.signIn('ada'));
  expect(outcome).toMatchObject({ acked: true });
  expect(faulty.calls.filter(({ method }) => method === 'replace')).toHaveLength(2);
  expect(await opened(engine, tokenOf(outcome) as string)).toEqual({});
});

it('what cookie.maxAge is set to while a verb is under way is stored with the response', async () => {
  const engine = newEngine(new StoppableStore(memoryStore(), { later: true }).store);
  const start = tokenOf(await (await BareRequest.open(engine, undefined)).answer(put({ a: 1 }))) as string;
  for (const token of [undefined, start]) {
    const request = await BareRequest.open(engine, token);
    const outcome = await request.answer(async ({ session }) => {
      session.n = 1;
      const saved = session.save();
      session.cookie.maxAge = 60_000;
      await saved;
      expect(session.cookie.maxAge).toBe(60_000);
    });
    expect(outcome).toMatchObject({ acked: true });
    const later = await BareRequest.open(engine, tokenOf(outcome) ?? start);
    expect(later.session.cookie.maxAge).toBe(60_000);
  }
});
