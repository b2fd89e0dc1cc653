import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from '../support/app.js';
import { type ChildApp, startChildApp } from '../support/child.js';
import type { Client } from '../support/client.js';
import { bearing, everyVerb, type Me, signedIn, tokenOf } from '../support/routes.js';
import { clusteredKinds, type OpenStore, storeKinds } from '../support/stores.js';

type End = (app: TestApp, client: Client, id: string) => Promise<unknown>;

const endings: Record<string, End> = {
  'sign-out': (_app, client) => client.post('/signOut'),
  destroy: (_app, client) => client.post('/destroy'),
  revoke: (app, _client, id) => app.sessions.revoke(id),
  revokeAll: (app) => app.sessions.revokeAll('ada'),
};

const methods = ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE'];

describe.each([...storeKinds, ...clusteredKinds])('G6, revocation arrives: $name', (kind) => {
  let opened: OpenStore;
  let app: TestApp;
  const apps: TestApp[] = [];
  const another = async (store = opened.store): Promise<TestApp> => {
    const started = await startApp(everyVerb, { store });
    apps.push(started);
    return started;
  };

  beforeEach(async () => {
    opened = await kind.open();
    app = await another();
  });
  afterEach(async () => {
    for (const started of apps.splice(0)) await started.close();
    await opened.remove();
  });

  describe.each(Object.entries(endings))('after %s has resolved', (_name, end) => {
    it('refuses what arrives with the token, whatever its method', async () => {
      const client = await signedIn(app, 'ada');
      const copy = client.copy();
      const { id } = (await copy.get('/me')).json<Me>();
      expect((await copy.get('/guarded')).status).toBe(200);
      await end(app, client, id);
      for (const method of methods) {
        expect((await copy.send(method, '/guarded')).status, method).toBe(401);
      }
      const me = (await copy.get('/me')).json<Me>();
      expect(me).toMatchObject({ data: {} });
      expect(me.owner).toBeUndefined();
    });

    it('refuses it at another instance too, at once', async () => {
      const elsewhere = await another(opened.reopen?.() ?? opened.store);
      for (let round = 0; round < 25; round++) {
        const client = await signedIn(app, 'ada');
        const copy = bearing(elsewhere, tokenOf(client));
        const { id, owner } = (await copy.get('/me')).json<Me>();
        expect(owner).toBe('ada');
        await end(app, client, id);
        expect((await copy.get('/guarded')).status).toBe(401);
        expect((await copy.post('/guarded')).status).toBe(401);
      }
    });
  });

  it('tells the next request why its session is over', async () => {
    const client = await signedIn(app, 'ada');
    const { id } = (await client.get('/me')).json<Me>();
    await app.sessions.revoke(id, 'credential-changed');
    expect((await client.get('/me')).json<Me>().endedReason).toBe('credential-changed');
    expect(app.events).toContainEqual(expect.objectContaining({ type: 'ended', id, reason: 'credential-changed' }));
    expect(app.events).toContainEqual(
      expect.objectContaining({ type: 'token-refused', reason: 'ended', endedReason: 'credential-changed', id }),
    );
  });

  it('revokes all of a person and nobody else, and keeps the one that was excepted', async () => {
    const [here, there, kept] = [await signedIn(app, 'ada'), await signedIn(app, 'ada'), await signedIn(app, 'ada')];
    const other = await signedIn(app, 'grace');
    const except = (await kept.get('/me')).json<Me>().id;
    expect(await app.sessions.revokeAll('ada', { except })).toBe(2);
    const statuses = await Promise.all(
      [here, there, kept, other].map(async (client) => (await client.get('/guarded')).status),
    );
    expect(statuses).toEqual([401, 401, 200, 200]);
    expect((await app.sessions.list('ada')).map(({ id }) => id)).toEqual([except]);
  });

  it('refuses a sign-in that began before the person was revoked', async () => {
    const before = Date.now() - 1_000;
    await app.sessions.revokeAll('ada');
    const late = await app.client().post('/sign-in/ada', { body: { startedAt: before } });
    expect(late.status).toBe(401);
    expect(late.json<{ code: string }>().code).toBe('ERR_SESSION_BARRED');
    expect(late.setCookies).toEqual([]);
  });

  it('does not say that it ended what was not there', async () => {
    const client = await signedIn(app, 'ada');
    const { id } = (await client.get('/me')).json<Me>();
    expect(await app.sessions.revoke(id)).toBe(true);
    expect(await app.sessions.revoke(`${id[0] === 'A' ? 'B' : 'A'}${id.slice(1)}`)).toBe(false);
    expect(await app.sessions.revokeAll('nobody')).toBe(0);
  });
});

describe('G6, revocation arrives: in another process', () => {
  const lmdb = storeKinds.find(({ name }) => name === 'lmdb');
  let opened: OpenStore;
  let app: TestApp;
  let child: ChildApp;

  beforeEach(async () => {
    if (!lmdb) throw new Error('no store that processes share');
    opened = await lmdb.open();
    app = await startApp(everyVerb, { store: opened.store });
    child = await startChildApp(opened.folder ?? '');
  });
  afterEach(async () => {
    await child.close();
    await app.close();
    await opened.remove();
  });

  it('refuses 200 of 200 sessions that were ended here, on the first request there', async () => {
    const ways = Object.values(endings);
    let refused = 0;
    for (let round = 0; round < 200; round++) {
      const client = await signedIn(app, 'ada');
      const there = bearing(child, tokenOf(client));
      const { id, owner } = (await there.get('/me')).json<Me>();
      expect(owner).toBe('ada');
      await ways[round % ways.length]?.(app, client, id);
      const answer = await there.send(round % 8 < 4 ? 'GET' : 'POST', '/guarded');
      if (answer.status === 401) refused++;
      there.close();
      client.close();
    }
    expect(refused).toBe(200);
  });
});
