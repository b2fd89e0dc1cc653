import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKeyring } from '../../src/core/keyring.js';
import { newId, newSecret, TokenCodec } from '../../src/core/token.js';
import { sessionIn, startApp, type TestApp, testSecret } from '../support/app.js';
import { bearing, everyVerb, type Me, signedIn, tokenOf } from '../support/routes.js';
import { type Spy, spyOn } from '../support/spy-store.js';
import { type OpenStore, storeKinds } from '../support/stores.js';

const methods = ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'DELETE'];

describe.each(storeKinds)('G9, strangers cost nothing: $name', (kind) => {
  let opened: OpenStore;
  let spy: Spy;
  let app: TestApp;

  beforeEach(async () => {
    opened = await kind.open();
    spy = spyOn(opened.store);
    app = await startApp(
      (target, sessions) => {
        target.all('/look', (req, res) => {
          const session = sessionIn(req);
          const { id, info, cookie } = session;
          void [
            id,
            session.id,
            info.owner,
            info.signal,
            info.endsAt,
            cookie.maxAge,
            Object.keys(session),
            session.anything,
          ];
          delete session.anything;
          res.json({ id });
        });
        target.all('/put-and-take-back', (req, res) => {
          sessionIn(req).cart = ['tea'];
          delete sessionIn(req).cart;
          res.send('nothing');
        });
        everyVerb(target, sessions);
      },
      { store: spy.store },
    );
  });
  afterEach(async () => {
    await app.close();
    await opened.remove();
  });

  const forger = new TokenCodec(createKeyring([testSecret]), 'app');

  it('a request without a cookie never calls the store, whatever its method', async () => {
    for (const method of methods) {
      for (const path of ['/public', '/me', '/look', '/guarded', '/put-and-take-back', '/no-such-page']) {
        const answer = await app.client().send(method, path);
        expect(answer.setCookies, `${method} ${path}`).toEqual([]);
        expect(answer.status).toBeLessThan(500);
      }
    }
    await spy.settled();
    expect(spy.calls).toEqual([]);
  });

  it('verbs on a session that there is not write nothing', async () => {
    for (const verb of ['signOut', 'destroy', 'regenerate', 'save', 'reload']) {
      const answer = await app.client().post(`/${verb}`);
      expect(answer.status, verb).toBe(200);
      expect(answer.setCookies).toEqual([]);
    }
    for (const verb of ['put', 'update']) {
      const answer = await app.client().post(`/${verb}`, { body: {} });
      expect(answer.setCookies, verb).toEqual([]);
    }
    expect((await app.client().post('/reauthenticate')).status).toBe(401);
    await spy.settled();
    expect(spy.calls).toEqual([]);
  });

  it('only data makes a session, and then one write', async () => {
    const client = app.client();
    const answer = await client.post('/put', { body: { cart: ['tea'] } });
    expect(answer.setCookies).toHaveLength(1);
    await spy.settled();
    expect(spy.calls).toEqual(['create']);
  });

  it('a value that is no token of ours never reads the store', async () => {
    const real = tokenOf(await signedIn(app, 'ada'));
    spy.forget();
    const elsewhere = new TokenCodec(createKeyring([randomBytes(32).toString('base64url')]), 'app');
    const otherApp = new TokenCodec(createKeyring([testSecret]), 'other');
    const values = [
      '',
      'x',
      's%3Aabc.def',
      randomBytes(69).toString('base64url'),
      elsewhere.write(newId(), newSecret()),
      otherApp.write(newId(), newSecret()),
      `${real.slice(0, 60)}${real[60] === 'A' ? 'B' : 'A'}${real.slice(61)}`,
      `${real}=`,
      'A'.repeat(8_000),
    ];
    for (const value of values) {
      for (const path of ['/public', '/me', '/look']) {
        const answer = await bearing(app, value).get(path);
        expect(answer.status).toBe(200);
        expect(answer.setCookies).toEqual([]);
      }
    }
    await spy.settled();
    expect(spy.calls).toEqual([]);
  });

  it('an unknown session costs one read, and its id is never adopted', async () => {
    const id = newId();
    const unknown = bearing(app, forger.write(id, newSecret()));
    spy.forget();
    const me = await unknown.get('/me');
    expect(me.setCookies).toEqual([]);
    expect(me.json<Me>().id).not.toBe(id);
    await spy.settled();
    expect(spy.calls).toEqual(['read']);
    expect(app.events.at(-1)).toMatchObject({ type: 'token-refused', reason: 'unknown-session', id });

    const answer = await unknown.post('/put', { body: { cart: ['tea'] } });
    expect(answer.json<Me>().id).not.toBe(id);
    expect(await opened.store.read(id)).toBeUndefined();
    expect(tokenOf(unknown).slice(0, 28)).not.toBe(forger.write(id, newSecret()).slice(0, 28));
  });

  it('a known session that is only read is read once, and not written', async () => {
    const client = await signedIn(app, 'ada');
    await client.post('/put', { body: { cart: ['tea'] } });
    await spy.settled();
    for (const path of ['/public', '/me', '/look', '/guarded', '/put-and-take-back-nothing']) {
      for (const method of methods) {
        spy.forget();
        const answer = await client.send(method, path);
        expect(answer.setCookies).toEqual([]);
        await spy.settled();
        // The first look at a signal begins to listen, once for the process.
        expect(
          spy.calls.filter((call) => call !== 'watch'),
          `${method} ${path}`,
        ).toEqual(['read']);
      }
    }
  });

  it('setting what is there already writes nothing', async () => {
    const client = app.client();
    await client.post('/put', { body: { cart: { tea: 1, milk: [1, 2] } } });
    await spy.settled();
    spy.forget();
    await client.post('/put', { body: { cart: { tea: 1, milk: [1, 2] } } });
    await client.post('/update', { body: { cart: { tea: 1, milk: [1, 2] } } });
    await spy.settled();
    expect(spy.calls.filter((call) => call !== 'read')).toEqual([]);
  });

  it('the id that a stranger was shown is the one that the session gets', async () => {
    const client = app.client();
    const answer = await client.post('/put', { body: { cart: ['tea'] } });
    expect((await client.get('/me')).json<Me>().id).toBe(answer.json<Me>().id);
  });
});
