import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKeyring } from '../../src/core/keyring.js';
import { newId, newSecret, TokenCodec } from '../../src/core/token.js';
import { sessionIn, testSecret } from '../support/app.js';
import type { Answer, Client } from '../support/client.js';
import { bearing, type Me, signedIn, tokenOf } from '../support/routes.js';
import { openStage, type Routes, type Stage } from '../support/stage.js';
import { clusteredKinds, storeKinds } from '../support/stores.js';
import { Turnstile } from '../support/turnstile.js';

const crowd = 200;
const codec = new TokenCodec(createKeyring([testSecret]), 'app');
const meOf = async (client: Client) => (await client.get('/me')).json<Me>();

/** Fields that apps set by hand when somebody signs in or gains rights. */
const rises: readonly [string, Record<string, unknown>][] = [
  ['userId', { userId: 7 }],
  ['user', { user: { id: 'u1', name: 'Ada' } }],
  ['passport', { passport: { user: 'u1' } }],
  ['isAdmin', { isAdmin: true }],
  ['role', { role: 'admin' }],
  ['loggedIn', { loggedIn: true }],
];

describe.each([...storeKinds, ...clusteredKinds])('G3, no fixation: $name', (kind) => {
  let stage: Stage;
  let turnstile: Turnstile;
  beforeEach(async () => {
    stage = await openStage(kind);
    turnstile = new Turnstile();
  });
  afterEach(() => stage.clear());

  async function expectWorthless(client: Client): Promise<void> {
    const me = await meOf(client);
    expect(me.owner).toBeUndefined();
    expect(me.data).toEqual({});
  }

  function expectNewToken(answer: Answer, old: string): void {
    expect(answer.setCookies).toHaveLength(1);
    const [value = ''] = /(?<==)[\w-]+/.exec(answer.setCookies[0] ?? '') ?? [];
    // Nothing of the old token may be of use with the new one: neither the name nor the secret.
    const [was, is] = [codec.read(old), codec.read(value)];
    if (typeof was === 'string' || typeof is === 'string') throw new Error('not a token');
    expect(is.id).not.toBe(was.id);
    expect(is.secret.equals(was.secret)).toBe(false);
  }

  const slow: Routes = (app) => {
    app.post('/slow', async (req, res) => {
      const session = sessionIn(req);
      await turnstile.pass();
      session.late = 1;
      res.json({ done: true });
    });
  };

  it(`${crowd} sign-ins during slow requests that write: the old token is worth nothing, the new one is intact`, async () => {
    const app = await stage.app(slow);
    const pairs = await Promise.all(
      Array.from({ length: crowd }, async () => {
        const client = app.client();
        await client.post('/put', { body: { cart: 1 } });
        return { client, stale: client.copy() };
      }),
    );
    const answers = pairs.map(({ stale }) => stale.post('/slow'));
    await turnstile.holding(crowd);
    for (const { client } of pairs) await client.post('/sign-in/ada', { body: { keep: ['cart'] } });
    turnstile.open();
    for (const answer of await Promise.all(answers)) {
      expect(answer.status).toBe(401);
      expect(answer.setCookies).toEqual([]);
    }
    for (const { client, stale } of pairs) {
      expect(await meOf(client)).toMatchObject({ owner: 'ada', data: { cart: 1 } });
      await expectWorthless(stale);
      stale.close();
    }
  });

  it('signing in drops what a planted session held, but for what is named', async () => {
    const app = await stage.app();
    const client = app.client();
    await client.post('/put', { body: { cart: 1, planted: 1 } });
    await client.post('/sign-in/ada', { body: { keep: ['cart'] } });
    expect((await meOf(client)).data).toEqual({ cart: 1 });
  });

  it.each([
    ['re-authentication', '/reauthenticate'],
    ['elevation', '/elevate/payments'],
    ['a changed credential', '/credential-changed'],
  ])('%s makes a new token and keeps the data; the old token is worth nothing', async (_name, path) => {
    const app = await stage.app();
    const client = await signedIn(app, 'ada');
    await client.post('/put', { body: { draft: 1 } });
    const [stale, old] = [client.copy(), tokenOf(client)];
    expectNewToken(await client.post(path, { body: {} }), old);
    expect(await meOf(client)).toMatchObject({ owner: 'ada', data: { draft: 1 } });
    await expectWorthless(stale);
  });

  it('the second step of a sign-in makes a new token; that of the first step is worth nothing', async () => {
    const app = await stage.app();
    const client = app.client();
    await client.post('/sign-in/ada', { body: { pending: 'mfa' } });
    const [stale, old] = [client.copy(), tokenOf(client)];
    expectNewToken(await client.post('/sign-in/ada', { body: { aal: 2 } }), old);
    expect(await meOf(client)).toMatchObject({ owner: 'ada', aal: 2 });
    await expectWorthless(stale);
  });

  describe.each(rises)('an app that sets %s by hand', (_field, data) => {
    it('gets a new token in that response, keeps all data, and the old token is worth nothing', async () => {
      const app = await stage.app();
      const client = app.client();
      await client.post('/put', { body: { cart: [1, 2], nested: { a: 1 } } });
      const [stale, old] = [client.copy(), tokenOf(client)];
      expectNewToken(await client.post('/put', { body: data }), old);
      expect((await meOf(client)).data).toEqual({ cart: [1, 2], nested: { a: 1 }, ...data });
      await expectWorthless(stale);
    });

    it('gets one through save() and update() too', async () => {
      const app = await stage.app((it) => {
        it.post('/save-by-hand', async (req, res) => {
          const session = sessionIn(req);
          Object.assign(session, data);
          await session.save();
          res.json({ id: session.id });
        });
      });
      for (const [path, body] of [
        ['/save-by-hand', {}],
        ['/update', data],
      ] as const) {
        const client = app.client();
        await client.post('/put', { body: { cart: 1 } });
        const [stale, old] = [client.copy(), tokenOf(client)];
        expectNewToken(await client.post(path, { body }), old);
        expect((await meOf(client)).data).toEqual({ cart: 1, ...data });
        await expectWorthless(stale);
      }
    });

    it('gets no other one for setting it again', async () => {
      const app = await stage.app();
      const client = app.client();
      await client.post('/put', { body: data });
      expect((await client.post('/put', { body: { ...data, other: 1 } })).setCookies).toEqual([]);
    });
  });

  it('edits inside an identity, its removal and a falsy one make no new token', async () => {
    const app = await stage.app((it) => {
      it.post('/edit', (req, res) => {
        sessionIn(req).user.name = 'Countess';
        res.json({});
      });
      it.post('/remove', (req, res) => {
        delete sessionIn(req).user;
        res.json({});
      });
    });
    const client = app.client();
    await client.post('/put', { body: { user: { id: 'u1', name: 'Ada' } } });
    expect((await client.post('/edit')).setCookies).toEqual([]);
    expect((await client.post('/remove')).setCookies).toEqual([]);
    expect((await client.post('/put', { body: { user: null, isAdmin: false, userId: 0 } })).setCookies).toEqual([]);
  });

  it('another identity in the place of the first makes a new token', async () => {
    const app = await stage.app();
    const client = app.client();
    await client.post('/put', { body: { user: { id: 'u1' } } });
    const [stale, old] = [client.copy(), tokenOf(client)];
    expectNewToken(await client.post('/put', { body: { user: { id: 'u2' } } }), old);
    await expectWorthless(stale);
  });

  it('a request that made a new token already makes no second one for an identity field', async () => {
    const app = await stage.app((it) => {
      it.post('/legacy-login', (req, res, next) => {
        sessionIn(req).regenerate((failed) => {
          if (failed) return next(failed);
          sessionIn(req).userId = 7;
          sessionIn(req).save((error) => (error ? next(error) : res.json({ done: true })));
        });
      });
    });
    const client = app.client();
    await client.post('/put', { body: { planted: 1 } });
    const [stale, old] = [client.copy(), tokenOf(client)];
    app.events.length = 0;
    expectNewToken(await client.post('/legacy-login'), old);
    expect(app.events.filter(({ type }) => type === 'replaced')).toHaveLength(1);
    expect((await meOf(client)).data).toEqual({ userId: 7 });
    await expectWorthless(stale);
  });

  it('each sign-in of a request makes a new token, and only the last one opens anything', async () => {
    const tokens: string[] = [];
    const app = await stage.app((it) => {
      it.post('/twice', async (req, res) => {
        const session = sessionIn(req);
        session.planted = 1;
        await session.save();
        tokens.push(session.id);
        await session.signIn('ada');
        tokens.push(session.id);
        await session.signIn('bob');
        tokens.push(session.id);
        res.json({ id: session.id });
      });
    });
    const client = app.client();
    await client.post('/put', { body: { cart: 1 } });
    const [stale, old] = [client.copy(), tokenOf(client)];
    expectNewToken(await client.post('/twice'), old);
    expect(new Set(tokens).size).toBe(3);
    expect(await meOf(client)).toMatchObject({ owner: 'bob', data: {} });
    expect(await app.sessions.list('ada')).toEqual([]);
    expect(await app.sessions.list('bob')).toHaveLength(1);
    await expectWorthless(stale);
  });

  it.each(['signIn', 'reauthenticate', 'regenerate'] as const)(
    '%s after the head is out throws and changes nothing',
    async (verb) => {
      let code: string | undefined;
      const app = await stage.app((it) => {
        it.post('/too-late', async (req, res) => {
          const session = sessionIn(req);
          res.write('head ');
          try {
            await (verb === 'signIn' ? session.signIn('eve') : session[verb]());
          } catch (error) {
            code = (error as { code?: string }).code;
          }
          res.end('and end');
        });
      });
      const client = await signedIn(app, 'ada');
      await client.post('/put', { body: { cart: 1 } });
      const before = await meOf(client);
      const answer = await client.post('/too-late');
      expect(code).toBe('ERR_SESSION_COOKIE_TOO_LATE');
      expect(answer.setCookies).toEqual([]);
      expect(await meOf(client)).toEqual(before);
      expect(await app.sessions.list('eve')).toEqual([]);
    },
  );

  it('an identity field that is set after the head is out cuts the response and is not stored', async () => {
    const app = await stage.app((it) => {
      it.post('/too-late', (req, res) => {
        const session = sessionIn(req);
        res.write('head ');
        session.userId = 7;
        res.end('and end');
      });
    });
    const client = app.client();
    await client.post('/put', { body: { cart: 1 } });
    await expect(client.post('/too-late')).rejects.toThrow();
    expect((await meOf(client)).data).toEqual({ cart: 1 });
  });

  it('a token that this app could have made but never did is not adopted', async () => {
    const app = await stage.app();
    const planted = codec.write(newId(), newSecret());
    const victim = bearing(app, planted);
    const answer = await victim.post('/sign-in/ada');
    expectNewToken(answer, planted);
    const attacker = bearing(app, planted);
    await expectWorthless(attacker);
    expect((await attacker.post('/put', { body: { a: 1 } })).setCookies[0]).not.toContain(planted);
    victim.close();
    attacker.close();
  });

  it("the right id with another session's secret opens nothing, and is not adopted", async () => {
    const app = await stage.app();
    const client = await signedIn(app, 'ada');
    const { id } = await meOf(client);
    const forged = codec.write(id as ReturnType<typeof newId>, newSecret());
    const attacker = bearing(app, forged);
    await expectWorthless(attacker);
    await attacker.post('/put', { body: { planted: 1 } });
    expect(await meOf(client)).toMatchObject({ owner: 'ada', data: {} });
    attacker.close();
  });
});
