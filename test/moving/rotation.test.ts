/** Our own secret is rotated while sessions of express-session are still taken over. */
import { createHmac } from 'node:crypto';
import session from 'express-session';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SessionOptions } from '../../src/index.js';
import { startApp, type TestApp, testSecret } from '../support/app.js';
import { Client } from '../support/client.js';
import { done } from '../support/express-session-app.js';
import { FakeClock } from '../support/fake-clock.js';
import { everyVerb, type Me } from '../support/routes.js';
import type { OpenStore } from '../support/stores.js';
import { endServers, ownerIndexed } from './new-stores.js';

const oldSecret = 'the one that signs cookies';
const signed = (sid: string): string =>
  encodeURIComponent(`s:${sid}.${createHmac('sha256', oldSecret).update(sid).digest('base64').replace(/=+$/, '')}`);
const [older, newer] = [`A${testSecret}`, `B${testSecret}`];
const hourMs = 3_600_000;

afterAll(endServers);

describe.each(ownerIndexed)('secrets are rotated while sessions are taken over into: $name', (kind) => {
  let opened: OpenStore;
  let oldStore: session.MemoryStore;
  let clock: FakeClock;
  let apps: TestApp[];
  beforeEach(async () => {
    opened = await kind.open();
    oldStore = new session.MemoryStore();
    clock = new FakeClock(Date.now());
    apps = [];
  });
  afterEach(async () => {
    for (const app of apps) await app.close();
    await opened.remove();
  });

  const under = async (...secret: string[]): Promise<TestApp> => {
    const migrateFrom: SessionOptions['migrateFrom'] = {
      secret: oldSecret,
      store: oldStore,
      owner: (data) => data.userId,
      keepFor: '4h',
    };
    const app = await startApp(everyVerb, { store: opened.store, clock, secret, migrateFrom });
    apps.push(app);
    return app;
  };
  const keep = (sid: string, userId: string) =>
    done((callback) => oldStore.set(sid, { cookie: { originalMaxAge: null }, userId } as never, callback));
  const whose = async (app: TestApp, sid: string) =>
    (await new Client(app.origin, [['connect.sid', signed(sid)]]).get('/me')).json<Me>().owner;

  it('who was revoked under the older secret stays out under the newer one; nobody else does', async () => {
    for (const sid of ['one', 'two', 'three']) await keep(sid, 'ada');
    await keep('four', 'bob');
    const before = await under(older);
    expect(await whose(before, 'one')).toBe('ada');
    expect(await before.sessions.revokeAll('ada')).toBe(1);
    for (const [secrets, sid] of [
      [[older, newer], 'two'],
      [[newer, older], 'three'],
    ] as const) {
      const app = await under(...secrets);
      expect(await whose(app, sid)).toBeUndefined();
      expect(app.events).toContainEqual(expect.objectContaining({ type: 'move-refused', reason: 'barred' }));
    }
    const after = await under(newer, older);
    expect(await whose(after, 'four')).toBe('bob');
    const client = after.client();
    expect((await client.post('/sign-in/ada', { body: {} })).status).toBe(200);
    expect((await client.get('/me')).json<Me>().owner).toBe('ada');
  });

  it('they stay out for `keepFor` from the last of several revocations', async () => {
    for (const sid of ['one', 'two']) await keep(sid, 'ada');
    const before = await under(older);
    await before.sessions.revokeAll('ada');
    clock.advance(3 * hourMs);
    await before.sessions.revokeAll('ada');
    clock.advance(3 * hourMs);
    const after = await under(newer, older);
    expect(await whose(after, 'one')).toBeUndefined();
    clock.advance(2 * hourMs);
    expect(await whose(after, 'two')).toBe('ada');
  });

  it('what was taken over under either is listed and revoked by an instance that has both', async () => {
    for (const sid of ['one', 'two', 'three']) await keep(sid, 'ada');
    const [before, after] = [await under(older, newer), await under(newer, older)];
    expect([await whose(before, 'one'), await whose(after, 'two')]).toEqual(['ada', 'ada']);
    for (const app of [before, after]) expect(await app.sessions.list('ada')).toHaveLength(2);
    expect(await after.sessions.revokeAll('ada')).toBe(2);
    for (const app of [before, after]) {
      for (const sid of ['one', 'two', 'three']) expect(await whose(app, sid)).toBeUndefined();
      expect(await app.sessions.list('ada')).toEqual([]);
    }
  });
});
