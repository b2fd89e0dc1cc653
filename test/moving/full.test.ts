/** No revocation fails for want of room: what is to be remembered of it is set after the sessions have ended, if not before. */
import { createHmac } from 'node:crypto';
import session from 'express-session';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { memoryStore } from '../../src/index.js';
import { startApp, type TestApp, testSecret } from '../support/app.js';
import { Client } from '../support/client.js';
import { done } from '../support/express-session-app.js';
import { everyVerb, type Me, tokenOf } from '../support/routes.js';

const oldSecret = 'the one that signs cookies';
const signed = (sid: string): string =>
  encodeURIComponent(`s:${sid}.${createHmac('sha256', oldSecret).update(sid).digest('base64').replace(/=+$/, '')}`);
const [older, newer] = [`A${testSecret}`, `B${testSecret}`];

describe('a full store, while sessions of express-session are taken over', () => {
  let oldStore: session.MemoryStore;
  let store: ReturnType<typeof memoryStore>;
  let apps: TestApp[];
  beforeEach(() => {
    oldStore = new session.MemoryStore();
    store = memoryStore({ maxSessions: 3 });
    apps = [];
  });
  afterEach(async () => {
    for (const app of apps) await app.close();
  });

  const under = async (...secret: string[]): Promise<TestApp> => {
    const owner = (data: { userId?: unknown }) => data.userId;
    const migrateFrom = { secret: oldSecret, store: oldStore, owner };
    const app = await startApp(everyVerb, { store, secret, migrateFrom });
    apps.push(app);
    return app;
  };
  const keep = (sid: string, userId: string) =>
    done((callback) => oldStore.set(sid, { cookie: { originalMaxAge: null }, userId } as never, callback));
  const whose = async (app: TestApp, sid: string) =>
    (await new Client(app.origin, [['connect.sid', signed(sid)]]).get('/me')).json<Me>().owner;
  const signedIn = async (app: TestApp, who: string) => {
    const client = app.client();
    expect((await client.post(`/sign-in/${who}`, { body: {} })).status).toBe(200);
    return client;
  };
  const ownerOf = async (client: Client) => (await client.get('/me')).json<Me>().owner;

  it('revokes all of an owner, and keeps out their old sessions, whatever key is the newest later', async () => {
    const app = await under(older);
    const [ada] = [await signedIn(app, 'ada'), await signedIn(app, 'bob'), await signedIn(app, 'eve')];
    expect(await app.sessions.revokeAll('ada')).toBe(1);
    expect(await ownerOf(ada)).toBeUndefined();
    await app.sessions.revokeAll('bob');
    await app.sessions.revokeAll('eve');
    await keep('one', 'ada');
    expect(await whose(await under(newer, older), 'one')).toBeUndefined();
    expect(apps[1]?.events).toContainEqual(expect.objectContaining({ type: 'move-refused', reason: 'barred' }));
  });

  it('ends all that it can before it says that the rest could not be remembered', async () => {
    const app = await under(older, newer);
    // A record for each key is to be left, and one session goes.
    const clients = [await signedIn(app, 'ada'), await signedIn(app, 'bob'), await signedIn(app, 'eve')];
    await expect(app.sessions.revokeAll('ada')).rejects.toMatchObject({ code: 'ERR_SESSION_STORE_FULL' });
    expect(await Promise.all(clients.map(ownerOf))).toEqual([undefined, 'bob', 'eve']);
    await expect(app.sessions.revokeAll('zoe')).rejects.toMatchObject({ code: 'ERR_SESSION_STORE_FULL' });
  });

  it('signs out who brings an old cookie beside, and lets go of it for good', async () => {
    const app = await under(older);
    const [ada, ...others] = [await signedIn(app, 'ada'), await signedIn(app, 'bob'), await signedIn(app, 'eve')];
    await keep('mine', 'ada');
    const token = tokenOf(ada as Client);
    const cookie = `${app.cookieName}=${token}; connect.sid=${signed('mine')}`;
    const answer = await new Client(app.origin).post('/signOut', { headers: { cookie } });
    expect([answer.status, answer.setCookies.length]).toEqual([200, 2]);
    expect(await ownerOf(ada as Client)).toBeUndefined();
    // An old instance writes it back, and there is room to take it over.
    for (const other of others) await other.post('/signOut');
    await keep('mine', 'ada');
    expect(await whose(app, 'mine')).toBeUndefined();
  });
});
