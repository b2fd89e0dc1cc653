import type { ErrorRequestHandler } from 'express';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { explain, problemOf, type SessionProblem } from '../../src/index.js';
import { sessionIn, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { signedIn } from '../support/routes.js';
import { openStage, type Stage } from '../support/stage.js';
import { storeKinds } from '../support/stores.js';

const [memory] = storeKinds;
if (!memory) throw new Error('no store');
const minute = 60_000;

const browser = { accept: 'text/html,*/*;q=0.8' };
const script = { accept: '*/*', 'sec-fetch-dest': 'empty', 'sec-fetch-mode': 'cors' };

describe('a guard', () => {
  let stage: Stage;
  let app: TestApp;
  beforeEach(async () => {
    stage = await openStage(memory);
    app = await stage.app((target, sessions) => {
      const pages = { signInPage: '/login?theme=dark', pendingPage: '/login/code', stepUpPage: '/prove' };
      const open = (path: string, demands: Parameters<typeof sessions.require>[0]) =>
        target.all(path, sessions.require(demands), (_req, res) => res.send('open'));
      open('/any', pages);
      open('/strong', { aal: 2, ...pages });
      open('/fresh', { freshWithin: '5m', ...pages });
      open('/unlocked', { scope: 'payments', ...pages });
      open('/all', { aal: 2, freshWithin: '5m', scope: 'payments', ...pages });
      open('/bare', { aal: 2 });
      target.get('/why', (req, res) => res.json(explain(req)));
    });
  });
  afterEach(() => stage.clear());

  async function pass(ms: number): Promise<void> {
    await new Promise((next) => setImmediate(next));
    stage.clock.advance(ms);
  }
  const to = async (client: Client, path: string, headers: Record<string, string> = browser, method = 'GET') =>
    (await client.send(method, path, { headers })).headers.location;

  it('asks for the assurance level, the age of the proof and the scope that the route names', async () => {
    const client = await signedIn(app, 'ada');
    const isOpen = async (path: string) => (await client.get(path)).text === 'open';
    expect(await isOpen('/any')).toBe(true);
    expect(await isOpen('/strong')).toBe(false);
    await client.post('/reauthenticate', { body: { aal: 2 } });
    expect(await isOpen('/strong')).toBe(true);
    expect(await isOpen('/unlocked')).toBe(false);
    await client.post('/elevate/payments', { body: { for: '30m' } });
    expect(await isOpen('/unlocked')).toBe(true);
    await pass(5 * minute);
    expect(await isOpen('/fresh')).toBe(true);
    await pass(1);
    // Neither use nor elevation is a proof of who somebody is.
    await client.post('/elevate/payments', { body: { for: '30m' } });
    expect(await isOpen('/fresh')).toBe(false);
    expect(await isOpen('/all')).toBe(false);
    await client.post('/reauthenticate', { body: {} });
    expect(await isOpen('/fresh')).toBe(true);
    expect(await isOpen('/all')).toBe(true);
  });

  it('sends a browser to the page that can help, with the way back', async () => {
    const client = app.client();
    expect(await to(client, '/any?a=b&c=d')).toBe('/login?theme=dark&next=%2Fany%3Fa%3Db%26c%3Dd');
    await client.post('/sign-in/ada', { body: { pending: 'mfa' } });
    expect(await to(client, '/any')).toBe('/login/code?next=%2Fany');
    await client.post('/sign-in/ada', { body: {} });
    expect(await to(client, '/strong')).toBe('/prove?next=%2Fstrong');
    expect(await to(client, '/strong', { ...script, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' })).toBe(
      '/prove?next=%2Fstrong',
    );
    expect((await client.get('/bare', { headers: browser })).status).toBe(401);
  });

  it('sends a browser whose form was refused back to the page with the form, if that is its own', async () => {
    const client = await signedIn(app, 'ada');
    const form = (referer?: string) => ({ ...browser, ...(referer === undefined ? {} : { referer }) });
    expect(await to(client, '/unlocked', form(`${app.origin}/account?tab=pay`), 'POST')).toBe(
      '/prove?next=%2Faccount%3Ftab%3Dpay',
    );
    for (const referer of [undefined, 'http://evil.example/account', 'junk', `${app.origin}//evil.example/`])
      expect(await to(client, '/unlocked', form(referer), 'POST')).toBe('/prove');
  });

  it('never sends anybody to another host', async () => {
    for (const path of ['//evil.example/any', '/any/..//evil.example'])
      expect((await to(app.client(), path)) ?? '/login').toMatch(/^\/login(?!.*evil)/);
  });

  it('tells a script what is missing and where, and challenges it by the rules of HTTP', async () => {
    const client = app.client();
    const ask = async (path: string) => {
      const answer = await client.get(path, { headers: script });
      expect(answer.headers['content-type']).toBe('application/problem+json');
      expect(answer.headers['cache-control']).toBe('no-store');
      const body = answer.json<SessionProblem>();
      expect(body.status).toBe(answer.status);
      expect(body.type).toBe('about:blank');
      return { ...body, challenge: answer.headers['www-authenticate'] };
    };
    expect(await ask('/all')).toMatchObject({
      status: 401,
      title: 'Unauthorized',
      code: 'ERR_SESSION_SIGN_IN_REQUIRED',
      missing: [{ requirement: 'sign-in' }],
      page: '/login?theme=dark',
      challenge: 'Session',
    });
    await client.post('/sign-in/ada', { body: { pending: 'mfa' } });
    expect(await ask('/all')).toMatchObject({
      status: 401,
      code: 'ERR_SESSION_PENDING',
      missing: [{ requirement: 'step', step: 'mfa' }],
      page: '/login/code',
      challenge: 'Session',
    });
    await client.post('/sign-in/ada', { body: {} });
    await pass(5 * minute + 1);
    expect(await ask('/all')).toMatchObject({
      status: 401,
      code: 'ERR_SESSION_STEP_UP_REQUIRED',
      missing: [
        { requirement: 'aal', wanted: 2, got: 1 },
        { requirement: 'freshness', withinSeconds: 300 },
        { requirement: 'scope', scope: 'payments' },
      ],
      page: '/prove',
      challenge: 'Session error="insufficient_user_authentication", acr_values="aal2", max_age="300", scope="payments"',
    });
    expect(await ask('/unlocked')).toMatchObject({
      status: 403,
      title: 'Forbidden',
      code: 'ERR_SESSION_STEP_UP_REQUIRED',
      challenge: 'Session error="insufficient_scope", scope="payments"',
    });
    await app.sessions.revokeAll('ada', { reason: 'lost-phone' });
    expect(await ask('/any')).toMatchObject({ code: 'ERR_SESSION_SIGN_IN_REQUIRED', endedReason: 'lost-phone' });
    const head = await client.send('HEAD', '/any', { headers: script });
    expect([head.status, head.text]).toEqual([401, '']);
  });

  it('leaves all others to the app, with an error that says the same, and an event and a sentence for each', async () => {
    const client = await signedIn(app, 'ada');
    const told: ErrorRequestHandler = (error, req, res, _next) => {
      res.json({ problem: problemOf(error), because: explain(req).because });
    };
    const other = await stage.app((target, sessions) => {
      target.get('/strong', sessions.require({ aal: 3, stepUpPage: '/prove' }), told);
      target.get('/sign', async (req, res) => {
        await sessionIn(req).signIn('ada');
        res.send('in');
      });
    });
    const answer = await client.get('/bare');
    expect(answer.status).toBe(401);
    expect(answer.json()).toMatchObject({ code: 'ERR_SESSION_STEP_UP_REQUIRED' });
    expect(answer.headers['www-authenticate']).toContain('acr_values="aal2"');
    const there = other.client();
    await there.get('/sign');
    expect((await there.get('/strong')).json()).toMatchObject({
      problem: { code: 'ERR_SESSION_STEP_UP_REQUIRED', page: '/prove' },
      because: [expect.stringContaining('assurance level')],
    });
    expect(other.events).toContainEqual(expect.objectContaining({ type: 'guard-refused', reason: 'guard-aal' }));
  });
});
