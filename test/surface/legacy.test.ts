/** Records that have data under names of the session's own: another version wrote them, or express-session did. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeData, encodeData } from '../../src/core/codec.js';
import { Engine } from '../../src/core/engine.js';
import type { SessionId } from '../../src/core/ids.js';
import { resolveEngineOptions } from '../../src/core/options.js';
import { memoryStore } from '../../src/index.js';
import { sessionIn, startApp, type TestApp, testSecret } from '../support/app.js';
import type { Client } from '../support/client.js';
import { everyVerb } from '../support/routes.js';
import { Turnstile } from '../support/turnstile.js';

const written = { first: 1, update: { by: 'the app' }, second: [2], info: 'mine', third: 3 };

describe('a record with taken names', () => {
  let app: TestApp;
  let client: Client;
  let other: Engine;
  let id: SessionId;
  let turnstile: Turnstile;

  beforeEach(async () => {
    const store = memoryStore();
    turnstile = new Turnstile();
    app = await startApp(
      (target, sessions) => {
        everyVerb(target, sessions);
        target.post('/forget/:name', (req, res) => {
          delete sessionIn(req).info.legacy?.[req.params.name];
          res.json({});
        });
        target.post('/slow/put', async (req, res) => {
          Object.assign(sessionIn(req), req.body);
          await turnstile.pass();
          res.json({});
        });
      },
      { store },
    );
    client = app.client();
    id = (await client.post('/put', { body: { first: 1 } })).json<{ id: SessionId }>().id;
    other = new Engine(store, [testSecret], resolveEngineOptions({}));
    const found = await other.repository.find(id);
    if (found.kind !== 'found') throw new Error('the session is not there');
    const bytes = encodeData(written, { maxBytes: 1_000 });
    await other.repository.update(found.stored, found.stored.header, bytes, other.guard.deadline());
    app.events.length = 0;
  });
  afterEach(() => app.close());

  const stored = async (of = id) => {
    const found = await other.repository.find(of);
    if (found.kind !== 'found') throw new Error(`the session is ${found.kind}`);
    return { data: decodeData(found.stored.data), version: found.stored.version };
  };
  const me = async () => (await client.get('/me')).json<{ data: object; legacy?: object; id: SessionId }>();

  it('loads them under info.legacy, with an event, and the session keeps its verbs', async () => {
    expect(await me()).toMatchObject({
      data: { first: 1, second: [2], third: 3 },
      legacy: { update: { by: 'the app' }, info: 'mine' },
    });
    expect(app.events).toEqual([{ type: 'names-taken', at: expect.any(Number), id, names: ['update', 'info'] }]);
    expect((await client.post('/update', { body: { first: 2 } })).status).toBe(200);
  });

  it('is not written because it was read', async () => {
    const before = await stored();
    await me();
    await client.post('/save');
    expect(await stored()).toEqual(before);
  });

  it.each(['/put', '/update'])('keeps them over a change by %s', async (path) => {
    await client.post(path, { body: { first: 2, fourth: 4 } });
    expect((await stored()).data).toEqual({ ...written, first: 2, fourth: 4 });
  });

  it('keeps them where requests overlap', async () => {
    const under = client.copy().post('/slow/put', { body: { slow: true } });
    await turnstile.holding(1);
    await client.post('/put', { body: { fast: true } });
    turnstile.open();
    expect((await under).status).toBe(200);
    expect((await stored()).data).toEqual({ ...written, fast: true, slow: true });
  });

  it('keeps them over a new token of the same person', async () => {
    await client.post('/put', { body: { userId: 7 } });
    const now = await me();
    expect(now.id).not.toBe(id);
    expect((await stored(now.id)).data).toEqual({ ...written, userId: 7 });
  });

  it('drops what the app removes, and only that', async () => {
    await client.post('/forget/update');
    const { update: _gone, ...rest } = written;
    expect((await stored()).data).toEqual(rest);
    await client.post('/forget/info');
    expect(await me()).not.toHaveProperty('legacy');
  });

  it('drops them with the rest of the data at a sign-in', async () => {
    await client.post('/sign-in/ada', { body: { keep: ['first'] } });
    expect(await me()).toMatchObject({ owner: 'ada', data: { first: 1 } });
    expect(await me()).not.toHaveProperty('legacy');
  });

  it('takes no other such name', async () => {
    const answer = await client.post('/update', { body: { signIn: 1 } });
    expect(answer.json()).toMatchObject({ code: 'ERR_SESSION_NAME_RESERVED' });
    expect((await stored()).data).toEqual(written);
  });
});
