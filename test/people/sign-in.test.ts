import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sessionIn, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { bearing, type Me, signedIn, tokenOf } from '../support/routes.js';
import { openStage, type Routes, type Stage } from '../support/stage.js';
import { storeKinds } from '../support/stores.js';

const minute = 60_000;
const meOf = async (client: Client) => (await client.get('/me')).json<Me>();

const guards: Routes = (app, sessions) => {
  app.post('/tamper', (req, res) => {
    const { info } = sessionIn(req);
    (info.amr as string[]).push('hwk');
    (info.scopes as string[]).push('payments');
    sessionIn(req).changed = true;
    res.json(sessionIn(req).info);
  });
  app.all('/payments', sessions.require({ scope: 'payments' }), (_req, res) => res.send('open'));
};

describe.each(storeKinds)('signing in: $name', (kind) => {
  let stage: Stage;
  let app: TestApp;
  beforeEach(async () => {
    stage = await openStage(kind);
    app = await stage.app(guards);
  });
  afterEach(() => stage.clear());

  /** Time passes while nothing is under way. */
  async function pass(ms: number): Promise<void> {
    await new Promise((next) => setImmediate(next));
    stage.clock.advance(ms);
  }

  const signIn = (client: Client, owner: string, body: object = {}) => client.post(`/sign-in/${owner}`, { body });

  describe('as somebody else on a session that is in use', () => {
    it.each(['signed in', 'pending'])(
      'leaves nothing of the person who was %s, whatever is to be kept',
      async (state) => {
        const client = app.client();
        await signIn(client, 'ada', state === 'pending' ? { pending: 'mfa' } : { aal: 3, amr: ['pwd'] });
        await client.post('/put', { body: { cart: ['tea'] } });
        if (state === 'signed in') await client.post('/elevate/payments', { body: {} });
        const stale = client.copy();
        await signIn(client, 'bob', { keep: ['cart'] });
        expect(await meOf(client)).toMatchObject({ owner: 'bob', aal: 1, amr: [], scopes: [], data: {} });
        expect((await meOf(client)).data).toEqual({});
        expect(await meOf(client)).not.toHaveProperty('pending');
        const before = await meOf(stale);
        expect(before.owner).toBeUndefined();
        expect(before.data).toEqual({});
        expect(await app.sessions.list('ada')).toEqual([]);
      },
    );
  });

  describe('in two steps', () => {
    it('signs nobody in at the first: no owner, no guard, no list, no count', async () => {
      const client = app.client();
      await signIn(client, 'ada', { pending: 'mfa', amr: ['pwd'] });
      const me = await meOf(client);
      expect(me).toMatchObject({ aal: 0, amr: ['pwd'], pending: { owner: 'ada', step: 'mfa' } });
      expect(me.owner).toBeUndefined();
      const guarded = await client.get('/guarded');
      expect(guarded.status).toBe(401);
      expect(guarded.json()).toMatchObject({ code: 'ERR_SESSION_PENDING' });
      expect(await app.sessions.list('ada')).toEqual([]);
      expect(await app.sessions.count('ada')).toBe(0);
      for (const verb of ['reauthenticate', 'elevate/payments', 'credential-changed']) {
        const refused = await client.post(`/${verb}`, { body: {} });
        expect(refused.json(), verb).toMatchObject({ code: 'ERR_SESSION_SIGN_IN_REQUIRED' });
      }
    });

    it('says how in lists of its own: what a handler does to them changes nothing', async () => {
      const client = app.client();
      await signIn(client, 'ada', { amr: ['pwd'] });
      expect((await client.post('/tamper')).json()).toMatchObject({ amr: ['pwd'], scopes: [] });
      expect(await meOf(client)).toMatchObject({ amr: ['pwd'], scopes: [], data: { changed: true } });
    });

    it('signs in at the second, under a new token, and the token of the first is worth nothing', async () => {
      const client = app.client();
      await signIn(client, 'ada', { pending: 'mfa' });
      await client.post('/put', { body: { next: '/account', other: 1 } });
      const [stale, first] = [client.copy(), tokenOf(client)];
      await signIn(client, 'ada', { aal: 2, keep: ['next'] });
      expect(tokenOf(client)).not.toBe(first);
      expect(await meOf(client)).toMatchObject({ owner: 'ada', aal: 2, data: { next: '/account' } });
      expect((await stale.get('/guarded')).status).toBe(401);
      expect(await app.sessions.count('ada')).toBe(1);
    });

    it('waits 10 minutes for the second, used or not, and nothing but a sign-in moves that', async () => {
      const client = app.client();
      await signIn(client, 'ada', { pending: 'mfa' });
      for (let passed = 0; passed < 10; passed++) {
        expect((await meOf(client)).pending).toEqual({ owner: 'ada', step: 'mfa' });
        // Not even an identity that is set by hand makes more of it.
        await client.post('/put', { body: { userId: passed + 1 } });
        await pass(minute);
      }
      const me = await meOf(client);
      expect(me).not.toHaveProperty('pending');
      expect(me.endedReason).toBe('expired');
    });

    it('may wait for less, and not for more', async () => {
      const client = app.client();
      await signIn(client, 'ada', { pending: 'mfa', absolute: '1m' });
      await pass(minute);
      expect(await meOf(client)).not.toHaveProperty('pending');
      expect((await signIn(client, 'ada', { pending: 'mfa', absolute: '11m' })).json()).toMatchObject({
        code: 'ERR_SESSION_ARGUMENT',
      });
      expect((await signIn(client, 'ada', { pending: 'mfa', aal: 2 })).json()).toMatchObject({
        code: 'ERR_SESSION_ARGUMENT',
      });
    });

    it.each(['1s', '1h'] as const)(
      'is refused at the second if everything was revoked after the first, however short markers are kept (%s)',
      async (keepEnded) => {
        const other = await stage.app(guards, { keepEnded, storeDeadline: '1s' });
        const client = other.client();
        await signIn(client, 'ada', { pending: 'mfa' });
        await pass(1);
        await other.sessions.revokeAll('ada', { reason: 'credential-changed' });
        await pass(9 * minute);
        expect((await signIn(client, 'ada')).json()).toMatchObject({ code: 'ERR_SESSION_BARRED' });
        expect(other.events).toContainEqual(expect.objectContaining({ type: 'sign-in-refused', reason: 'barred' }));
        expect((await client.get('/guarded')).status).toBe(401);
      },
    );
  });

  describe('elevation', () => {
    it('opens one scope for a time of its own, and moves no clock of the session', async () => {
      const client = await signedIn(app, 'ada', { aal: 2, amr: ['pwd'], absolute: '1h' });
      await client.post('/put', { body: { draft: 1 } });
      const before = await meOf(client);
      await pass(minute);
      expect((await client.get('/payments')).status).toBe(403);
      await client.post('/elevate/payments', { body: { for: '2m' } });
      const { id, expiresAt, ...after } = (await meOf(client)) as Me & { expiresAt: string };
      expect(after).toEqual({
        ...before,
        id: undefined,
        expiresAt: undefined,
        scopes: ['payments'],
        elevatedUntil: new Date(stage.clock.now() + 2 * minute).toISOString(),
      });
      expect(id).not.toBe(before.id);
      expect((await client.get('/payments')).text).toBe('open');
      await pass(2 * minute - 1);
      expect((await client.get('/payments')).status).toBe(200);
      await pass(1);
      expect((await client.get('/payments')).status).toBe(403);
      expect((await client.get('/guarded')).status).toBe(200);
      expect((await meOf(client)).scopes).toEqual([]);
    });

    it('adds to what is open; a re-authentication keeps it, a new sign-in and a changed credential do not', async () => {
      const client = await signedIn(app, 'ada');
      await client.post('/elevate/payments', { body: { for: '10m' } });
      await client.post('/elevate/admin', { body: { for: '1m' } });
      expect((await meOf(client)).scopes).toEqual(['payments', 'admin']);
      expect((await meOf(client)).elevatedUntil).toBe(new Date(stage.clock.now() + minute).toISOString());
      await client.post('/reauthenticate', { body: {} });
      expect((await meOf(client)).scopes).toEqual(['payments', 'admin']);
      await pass(minute);
      await client.post('/credential-changed');
      expect((await meOf(client)).scopes).toEqual([]);
      await client.post('/elevate/payments', { body: {} });
      await signIn(client, 'ada');
      expect((await meOf(client)).scopes).toEqual([]);
    });

    it('is refused where the sessions were revoked meanwhile, or nobody is signed in, or too much is open', async () => {
      expect((await app.client().post('/elevate/payments', { body: {} })).status).toBe(401);
      const client = await signedIn(app, 'ada');
      for (let scope = 0; scope < 16; scope++) await client.post(`/elevate/s${scope}`, { body: {} });
      expect((await client.post('/elevate/more', { body: {} })).json()).toMatchObject({ code: 'ERR_SESSION_ARGUMENT' });
      await app.sessions.revokeAll('ada');
      expect((await client.post('/elevate/s1', { body: {} })).status).toBe(401);
    });
  });

  describe('a changed credential', () => {
    it('leaves this session under a new token and ends all others, which are told why', async () => {
      const [here, there] = [await signedIn(app, 'ada'), await signedIn(app, 'ada')];
      const bob = await signedIn(app, 'bob');
      await here.post('/put', { body: { draft: 1 } });
      const stale = here.copy();
      await pass(1);
      await here.post('/credential-changed');
      expect(await meOf(here)).toMatchObject({ owner: 'ada', data: { draft: 1 } });
      expect((await stale.get('/guarded')).status).toBe(401);
      expect((await there.get('/guarded')).status).toBe(401);
      expect((await meOf(there)).endedReason).toBe('credential-changed');
      expect((await bob.get('/guarded')).status).toBe(200);
      expect(await app.sessions.count('ada')).toBe(1);
    });

    it('ends what a copy of its cookie has risen to on another instance in the middle of the change', async () => {
      const other = await stage.another();
      const client = await signedIn(app, 'ada');
      const thief = bearing(other, tokenOf(client));
      await pass(1);
      stage.faulty.before('replace', async () => {
        // After the others have ended and before this session gets its new token.
        stage.clock.advance(1);
        expect((await thief.post('/reauthenticate')).status).toBe(200);
        expect((await thief.get('/guarded')).status).toBe(200);
        stage.clock.advance(1);
      });
      const refused = await client.post('/credential-changed');
      expect([refused.status, refused.json<{ code: string }>().code]).toEqual([401, 'ERR_SESSION_ENDED']);
      expect((await thief.get('/guarded')).status).toBe(401);
      expect(await app.sessions.count('ada')).toBe(0);
    });

    it('does not bar what the same request does after it', async () => {
      const other = await stage.app((target) => {
        target.post('/change-and-prove', async (req, res) => {
          await sessionIn(req).credentialChanged();
          await sessionIn(req).reauthenticate({ aal: 2 });
          res.json({ owner: sessionIn(req).info.owner });
        });
      });
      const client = await signedIn(other, 'ada');
      expect((await client.post('/change-and-prove')).json()).toEqual({ owner: 'ada' });
      expect(await meOf(client)).toMatchObject({ owner: 'ada', aal: 2 });
    });
  });
});
