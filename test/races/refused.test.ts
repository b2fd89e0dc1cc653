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
});
