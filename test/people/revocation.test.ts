import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { endedMessage } from '../../src/index.js';
import { sessionIn, type TestApp, testSecret } from '../support/app.js';
import type { Client } from '../support/client.js';
import { deferred } from '../support/deferred.js';
import { bearing, type Me, signedIn, tokenOf } from '../support/routes.js';
import { openStage, type Routes, type Stage } from '../support/stage.js';
import { storeKinds } from '../support/stores.js';
import { Turnstile } from '../support/turnstile.js';

const overlapping = 200;
const many = 1_000;

describe.each(storeKinds)('revocation: $name', (kind) => {
  let stage: Stage;
  let turnstile: Turnstile;
  beforeEach(async () => {
    stage = await openStage(kind);
    turnstile = new Turnstile();
  });
  afterEach(() => stage.clear());

  const slowLogin: Routes = (app, sessions) => {
    app.post('/slow-login/:owner', async (req, res) => {
      // The password was right; its check and the rest of the login take their time.
      await turnstile.pass();
      await sessionIn(req).signIn(req.params.owner);
      res.json({ owner: sessionIn(req).info.owner });
    });
    app.get('/page', sessions.require({ signInPage: '/sign-in' }), (_req, res) => res.send('page'));
    app.get('/sign-in', (req, res) => res.json({ why: endedMessage(sessionIn(req).info.endedReason) ?? null }));
  };

  it(`${overlapping} sign-ins whose password check began before the password was changed: refused, all of them`, async () => {
    const [app, other] = [await stage.app(slowLogin), await stage.another(slowLogin)];
    const owner = await signedIn(app, 'ada');
    const thieves = Array.from({ length: overlapping }, (_, n) => (n % 2 === 0 ? app : other).client());
    const logins = thieves.map((client) => client.post('/slow-login/ada'));
    await turnstile.holding(overlapping);
    stage.clock.advance(1);
    expect((await owner.post('/credential-changed')).status).toBe(200);
    turnstile.open();
    const answers = await Promise.all(logins);
    expect(answers.filter(({ status, text }) => status === 401 && text.includes('ERR_SESSION_BARRED'))).toHaveLength(
      overlapping,
    );
    expect(answers.flatMap(({ setCookies }) => setCookies)).toEqual([]);
    expect(await app.sessions.count('ada')).toBe(1);
    expect((await owner.get('/guarded')).status).toBe(200);
    stage.clock.advance(1);
    expect((await app.client().post('/sign-in/ada', { body: {} })).status).toBe(200);
  });

  it(`an owner with ${many} sessions in use: once revokeAll has resolved, none of them answers, in any process`, async () => {
    const [app, other] = [await stage.app(slowLogin), await stage.another(slowLogin)];
    const tokens: string[] = [];
    const makers = Array.from({ length: 10 }, () => app.client());
    for (let n = 0; n < many; n += makers.length) {
      for (const maker of makers) maker.jar.clear();
      await Promise.all(makers.map((maker) => maker.post('/sign-in/ada', { body: {} })));
      tokens.push(...makers.map(tokenOf));
    }
    const bob = await signedIn(app, 'bob');
    expect(await app.sessions.count('ada')).toBe(many);
    const ask = async (n: number, client: Client, instance: TestApp) => {
      const cookie = `${instance.cookieName}=${tokens[n % many]}`;
      return (await client.post('/guarded', { cookie })).status;
    };
    let over = false;
    const before: number[] = [];
    const underWay = deferred();
    const load = [app, other].map(async (instance, at) => {
      const client = instance.client();
      for (let n = at; !over; n += 7) before.push(await ask(n, client, instance).finally(underWay.resolve));
    });
    await underWay.promise;
    stage.clock.advance(1);
    expect(await app.sessions.revokeAll('ada', { reason: 'account-closed' })).toBe(many);
    over = true;
    const afterwards = await Promise.all(
      [app, other].map(async (instance, at) => {
        const client = instance.client();
        const statuses = new Set<number>();
        for (let n = at; n < many; n += 2) statuses.add(await ask(n, client, instance));
        return [...statuses];
      }),
    );
    await Promise.all(load);
    expect(before).toContain(200);
    expect(afterwards).toEqual([[401], [401]]);
    expect(await other.sessions.count('ada')).toBe(0);
    expect((await bob.get('/guarded')).status).toBe(200);
  }, 120_000);

  it('while a secret is rotated, a session that a rise moves to the newer one meanwhile ends too', async () => {
    const [older, newer] = [`A${testSecret}`, `B${testSecret}`];
    const client = await signedIn(await stage.another(slowLogin, { secret: [older, newer] }), 'ada');
    const app = await stage.app(slowLogin, { secret: [newer, older] });
    const late = bearing(app, tokenOf(client));
    stage.clock.advance(1);
    let asked = 0;
    stage.faulty.before(
      'endByOwner',
      async () => {
        // What the newer one knows has ended; what the older one knows has not.
        if (++asked === 2) expect((await late.post('/put', { body: { isAdmin: true } })).status).toBe(200);
      },
      { times: 3 },
    );
    await app.sessions.revokeAll('ada');
    expect((await late.post('/guarded')).status).toBe(401);
    expect(await app.sessions.count('ada')).toBe(0);
  });

  it('the person is told why on the page that they are sent to, by any process, until they sign in again', async () => {
    const [app, other] = [await stage.app(slowLogin), await stage.another(slowLogin)];
    const here = await signedIn(app, 'ada');
    const there = bearing(other, tokenOf(await signedIn(app, 'ada')));
    stage.clock.advance(1);
    await here.post('/credential-changed');
    const sent = await there.get('/page', { headers: { accept: 'text/html' } });
    expect(sent.headers.location).toBe('/sign-in?next=%2Fpage');
    const why = 'You were signed out because your password or another way to sign in was changed.';
    for (let seen = 0; seen < 2; seen++) expect((await there.get('/sign-in')).json()).toEqual({ why });
    stage.clock.advance(1);
    await there.post('/sign-in/ada', { body: {} });
    expect((await there.get('/me')).json<Me>().endedReason).toBeUndefined();
    expect((await there.get('/sign-in')).json()).toEqual({ why: null });
  });

  it('one session ends by its public id, with the reason of whoever ended it, and an id of nobody ends nothing', async () => {
    const app = await stage.app();
    const [one, two] = [await signedIn(app, 'ada'), await signedIn(app, 'ada')];
    const { id } = (await one.get('/me')).json<Me>();
    expect(await app.sessions.revoke(id, 'lost-phone')).toBe(true);
    expect((await one.get('/me')).json<Me>()).toMatchObject({ endedReason: 'lost-phone' });
    expect((await two.get('/guarded')).status).toBe(200);
    expect(await app.sessions.revoke('A'.repeat(27))).toBe(false);
    expect(endedMessage('lost-phone')).toBe('You have been signed out.');
    expect(endedMessage('lost-phone', { 'lost-phone': 'Reported lost.' })).toBe('Reported lost.');
    expect(endedMessage('constructor')).toBe('You have been signed out.');
    expect(endedMessage(undefined)).toBeUndefined();
  });

  it('a list shows device, network and which one is this, and nothing that opens anything', async () => {
    const app = await stage.app(undefined, { deviceLabel: (userAgent) => `a ${userAgent}` });
    const client = app.client();
    await client.post('/sign-in/ada', { body: { aal: 2, amr: ['pwd', 'otp'] }, headers: { 'user-agent': 'browser' } });
    const other = await signedIn(app, 'ada');
    const { id } = (await client.get('/me')).json<Me>();
    const list = await app.sessions.list('ada', { current: id });
    expect(list).toHaveLength(2);
    const mine = list.find((entry) => entry.current);
    const now = new Date(stage.clock.now());
    expect(mine).toEqual({
      id,
      createdAt: now,
      authenticatedAt: now,
      lastSeenAt: now,
      expiresAt: expect.any(Date),
      endsAt: expect.any(Date),
      aal: 2,
      amr: ['pwd', 'otp'],
      userAgent: 'browser',
      device: 'a browser',
      address: '127.0.0.0/24',
      current: true,
    });
    for (const token of [tokenOf(client), tokenOf(other)]) {
      const text = JSON.stringify(list);
      // The id is the only part of a token that is public.
      expect(text).not.toContain(token.slice(29));
    }
    const odd = new Error('an odd one');
    const deviceLabels = [
      () => {
        throw odd;
      },
      // Nobody holds what it answers: a rejection would end the process.
      () => Promise.reject(odd) as never,
    ];
    for (const deviceLabel of deviceLabels) {
      const silent = await stage.another(undefined, { recordAddress: false, deviceLabel });
      await signedIn(silent, 'cleo');
      const listed = await silent.sessions.list('cleo');
      expect(listed.at(-1)).toMatchObject({ address: undefined, device: undefined });
    }
  });
});
