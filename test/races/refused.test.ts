/** A verb that is refused, or fails, after it has heard of another request's change: that change stays. */
import { describe, expect, it } from 'vitest';
import type { EngineOptions } from '../../src/core/options.js';
import { faultyStore } from '../../src/stores/conformance/faulty.js';
import { memoryStore } from '../../src/stores/memory.js';
import { BareRequest, newEngine, opened, tokenOf } from '../support/bare-request.js';
import { FakeClock } from '../support/fake-clock.js';
import { probeEveryMs } from '../support/planned-fault.js';

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
});
