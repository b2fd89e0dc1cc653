import {
  chmodSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { auditFile } from '../../src/audit.js';
import type { AuditEvent } from '../../src/index.js';
import { sessionIn } from '../support/app.js';
import { bearing, type Me, signedIn, tokenOf } from '../support/routes.js';
import { openStage, type Stage } from '../support/stage.js';
import { storeKinds } from '../support/stores.js';

const [memory] = storeKinds;
if (!memory) throw new Error('no store');

describe('an audit log is told', () => {
  let stage: Stage;
  let told: AuditEvent[];
  beforeEach(async () => {
    stage = await openStage(memory);
    told = [];
  });
  afterEach(() => stage.clear());

  const start = (more = {}) =>
    stage.app((app, sessions) => void app.all('/payments', sessions.require({ scope: 'payments' })), {
      audit: (event) => told.push(event),
      ...more,
    });
  const actions = () => told.map(({ action, reason }) => (reason === undefined ? action : `${action}: ${reason}`));

  it('the life of a session, in order, each with person, client and public id', async () => {
    const app = await start();
    const client = app.client();
    const headers = { 'user-agent': 'a browser' };
    await client.post('/put', { body: { cart: 1 }, headers });
    const steps: [string, object][] = [
      ['/sign-in/ada', { pending: 'mfa' }],
      ['/sign-in/ada', { aal: 2 }],
      ['/reauthenticate', {}],
      ['/elevate/payments', {}],
      ['/credential-changed', {}],
      ['/signOut', {}],
    ];
    for (const [path, body] of steps) {
      expect((await client.post(path, { body, headers })).status, path).toBe(200);
      stage.clock.advance(1);
    }
    expect(actions()).toEqual([
      'sign-in-step: mfa',
      'sign-in',
      'reauthentication',
      'elevation: payments',
      'credential-changed',
      'sign-out',
    ]);
    for (const event of told) {
      expect(event).toMatchObject({ owner: 'ada', address: '127.0.0.1', userAgent: 'a browser' });
      expect(event.id).toMatch(/^[\w-]{27}$/);
      expect(new Date(event.time).toISOString()).toBe(event.time);
    }
  });

  it('a sign-in by hand, whether its session was there before or began with it, and none beside one by name', async () => {
    const app = await stage.app(
      (it) => {
        it.post('/regenerated', async (req, res) => {
          await sessionIn(req).regenerate();
          Object.assign(req.session, { userId: 8 });
          res.end();
        });
        it.post('/both', async (req, res) => {
          await sessionIn(req).signIn('ada');
          Object.assign(req.session, { userId: 'ada' });
          res.end();
        });
      },
      { audit: (event) => told.push(event) },
    );
    const client = app.client();
    await client.post('/put', { body: { userId: 7 } });
    await client.post('/put', { body: { cart: 1 } });
    await client.post('/regenerated');
    await client.post('/signOut');
    await client.post('/put', { body: { cart: 1 } });
    await client.post('/put', { body: { userId: 9 } });
    await client.post('/both');
    expect(actions()).toEqual([
      'sign-in: identity:userId',
      'sign-in: identity:userId',
      'sign-out',
      'sign-in: identity:userId',
      'sign-in',
    ]);
    expect(app.events.filter(({ type }) => type === 'identified')).toHaveLength(2);
  });

  it('an address only where it is one, and a user agent without what a terminal obeys', async () => {
    const app = await start({ insecureHttp: true });
    app.app.set('trust proxy', true);
    const client = app.client();

    const agent = { 'user-agent': '\u009b31mcurl' };
    await client.post('/sign-in/ada', {
      body: {},
      headers: { ...agent, 'x-forwarded-for': 'unknown\u009b2J, 10.0.0.1' },
    });
    await client.post('/signOut', { headers: { ...agent, 'x-forwarded-for': '2001:db8::7, 10.0.0.1' } });
    expect(told.map(({ action, address }) => [action, address])).toEqual([
      ['sign-in', undefined],
      ['sign-out', '2001:db8::7'],
    ]);
    // Sent as UTF-8 with a body, and as Latin-1 without one.
    for (const { userAgent } of told) expect(userAgent).toMatch(/^\u00c2?\ufffd31mcurl$/);
  });

  it('every refusal: of a token, a sign-in, a guard, a page of another site', async () => {
    const app = await start({ maxPerOwner: { limit: 1, onExceed: 'reject' } });
    const client = await signedIn(app, 'ada');
    await client.get('/payments');
    await app.client().get('/guarded');
    await bearing(app, `A${tokenOf(client).slice(1)}`).get('/me');
    await bearing(app, 'junk').get('/me');
    await app.client().post('/sign-in/ada', { body: {} });
    await client.post('/put', { body: {}, headers: { origin: 'http://evil.example' } });
    stage.clock.advance(1);
    await app.sessions.revokeAll('ada', { reason: 'lost-phone' });
    await client.get('/guarded');
    expect(actions()).toEqual([
      'sign-in',
      'guard-refused: guard-scope',
      'guard-refused: guard-sign-in',
      expect.stringMatching(/^token-refused: (unknown-key|mac)$/),
      'token-refused: malformed',
      'sign-in-refused: limit',
      'cross-site-refused: origin-foreign',
      'session-ended: lost-phone',
      'token-refused: lost-phone',
      'guard-refused: guard-sign-in',
    ]);
    expect(told.find(({ action }) => action === 'session-ended')).toMatchObject({ owner: 'ada' });
  });

  it('whose session an administrator has ended, and of one end once', async () => {
    const app = await start();
    const client = await signedIn(app, 'ada');
    const { id } = (await client.get('/me')).json<Me>();
    for (let time = 0; time < 2; time++) expect(await app.sessions.revoke(id, 'lost-phone')).toBe(true);
    expect(actions()).toEqual(['sign-in', 'session-ended: lost-phone']);
    expect(told[1]).toMatchObject({ id, owner: 'ada' });
    expect((await client.get('/me')).json<Me>().endedReason).toBe('lost-phone');
  });

  it('nothing that opens anything, and what it throws breaks no request', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const app = await start({
      audit: (event: AuditEvent) => {
        told.push(event);
        throw new Error('disk');
      },
    });
    const client = await signedIn(app, 'ada');
    const first = tokenOf(client);
    await client.post('/reauthenticate', { body: {} });
    await client.post('/signOut');
    await bearing(app, first).get('/me');
    expect(warn).toHaveBeenCalled();
    expect(told.length).toBeGreaterThanOrEqual(4);
    for (const token of [first, tokenOf(await signedIn(app, 'ada'))])
      expect(JSON.stringify(told)).not.toContain(token.slice(29, 72));
    warn.mockRestore();
  });

  it('signing out asks the browser to forget what the app kept there, and not the cookies of others', async () => {
    const app = await start();
    const client = await signedIn(app, 'ada');
    expect((await client.get('/me')).headers['clear-site-data']).toBeUndefined();
    expect((await client.post('/signOut')).headers['clear-site-data']).toBe('"cache", "storage"');
    expect((await (await signedIn(app, 'ada')).post('/destroy')).headers['clear-site-data']).toBeUndefined();
    const silent = await stage.app(undefined, { clearSiteData: false });
    expect((await (await signedIn(silent, 'ada')).post('/signOut')).headers['clear-site-data']).toBeUndefined();
    const all = await stage.app(undefined, { clearSiteData: ['*'] });
    const answer = await (await signedIn(all, 'ada')).post('/signOut');
    expect(answer.headers['clear-site-data']).toBe('"*"');
    expect(answer.setCookies[0]).toContain('Max-Age=0');
    expect((await client.get('/me')).json<Me>().owner).toBeUndefined();
  });
});

describe('an audit file', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-audit-'));
    path = join(folder, 'audit.ndjson');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const event = (userAgent: string): AuditEvent => ({ time: '2030-01-01T00:00:00.000Z', action: 'sign-in', userAgent });
  const linesOf = (file: string) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as AuditEvent & { count?: number });

  it('has one line an event, in order, whatever is in it, readable by its owner alone', async () => {
    const audit = auditFile({ path });
    const agents = Array.from({ length: 500 }, (_, n) => `${n}\n{"forged":true}\r\u2028${'x'.repeat(n)}`);
    for (const agent of agents) audit(event(agent));
    await audit.close();
    expect(linesOf(path).map(({ userAgent }) => userAgent)).toEqual(agents);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    audit(event('too late'));
    await audit.close();
    expect(linesOf(path)).toHaveLength(500);
  });

  it('goes on where another began, and in a new file once a rotation has moved it, with nothing lost', async () => {
    writeFileSync(path, `${JSON.stringify(event('before'))}\n`);
    const audit = auditFile({ path });
    audit(event('one'));
    await audit.reopen();
    renameSync(path, `${path}.1`);
    audit(event('two'));
    await audit.reopen();
    audit(event('three'));
    await audit.close();
    const [old, now] = [linesOf(`${path}.1`), linesOf(path)].map((lines) => lines.map(({ userAgent }) => userAgent));
    expect([...(old ?? []), ...(now ?? [])]).toEqual(['before', 'one', 'two', 'three']);
    expect(now).toEqual(['three']);
  });

  it('keeps at most so many bytes waiting, and says how many lines were dropped', async () => {
    const audit = auditFile({ path, maxBuffered: 1_024 });
    for (let n = 0; n < 100; n++) audit(event('x'.repeat(100)));
    await audit.close();
    const lines = linesOf(path);
    const lost = lines.at(-1);
    expect(lost).toMatchObject({ action: 'audit-lost' });
    expect((lost?.count ?? 0) + lines.length - 1).toBe(100);
    expect(lines.length - 1).toBeLessThanOrEqual(10);
  });

  it('that can not be written is warned of once, and written as soon as it can be', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const missing = join(folder, 'later', 'audit.ndjson');
    const audit = auditFile({ path: missing });
    audit(event('one'));
    await audit.reopen();
    await audit.reopen();
    expect(warn).toHaveBeenCalledTimes(1);
    rmSync(join(folder, 'later'), { recursive: true, force: true });
    const { mkdirSync } = await import('node:fs');
    mkdirSync(join(folder, 'later'));
    audit(event('two'));
    await audit.close();
    warn.mockRestore();
    expect(linesOf(missing).map(({ userAgent }) => userAgent)).toEqual(['one', 'two']);
  });

  it('is never written through a symbolic link', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const target = join(folder, 'target');
    writeFileSync(target, '');
    chmodSync(target, 0o600);
    symlinkSync(target, path);
    const audit = auditFile({ path });
    audit(event('one'));
    await audit.close();
    warn.mockRestore();
    expect(readFileSync(target, 'utf8')).toBe('');
  });

  it.each([undefined, {}, { path: '' }, { path: 7 }, { path: 'x', maxBuffered: 1 }, { path: 'x', size: 1 }])(
    'with %j is refused',
    (options) => expect(() => auditFile(options as never)).toThrow(/auditFile/),
  );
});
