import type { Express } from 'express';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SessionError } from '../../src/index.js';
import { sessionIn, startApp, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { type Deferred, deferred } from '../support/deferred.js';
import { FakeClock } from '../support/fake-clock.js';
import { bearing, everyVerb, type Me, signedIn, tokenOf } from '../support/routes.js';
import { type Spy, spyOn } from '../support/spy-store.js';
import { type OpenStore, storeKinds } from '../support/stores.js';

/** The check of a store that does not push: by then at the latest a signal has aborted. */
const checkMs = 1_000;

describe.each(storeKinds)('G6, open streams are told: $name', (kind) => {
  let clock: FakeClock;
  let opened: OpenStore;
  let app: TestApp;
  let elsewhere: TestApp;
  let spy: Spy;
  /** Settles when the stream's handler has its signal. */
  let streaming: Deferred<AbortSignal>;
  /** Settles when the response is over for the server. */
  let over: Deferred;

  const routes = (target: Express, sessions: TestApp['sessions']): void => {
    target.get('/stream', (req, res) => {
      const { signal } = sessionIn(req).info;
      res.on('close', () => over.resolve());
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.write('event: open\n\n');
      signal.addEventListener('abort', () => res.end(describeReason(signal.reason)));
      streaming.resolve(signal);
    });
    target.post('/long', (req, res) => {
      const { signal } = sessionIn(req).info;
      signal.addEventListener('abort', () => res.json({ told: describeReason(signal.reason) }));
      streaming.resolve(signal);
    });
    target.post('/sign-in-and-stay', async (req, res) => {
      const { signal } = sessionIn(req).info;
      await sessionIn(req).signIn('ada');
      signal.addEventListener('abort', () => res.end(describeReason(signal.reason)));
      res.write('signed in\n');
      streaming.resolve(signal);
    });
    everyVerb(target, sessions);
  };

  beforeEach(async () => {
    clock = new FakeClock();
    opened = await kind.open();
    streaming = deferred<AbortSignal>();
    over = deferred();
    const options = { idle: '10m', absolute: '30m', clock } as const;
    spy = spyOn(opened.store);
    app = await startApp(routes, { ...options, store: spy.store });
    elsewhere = await startApp(routes, { ...options, store: opened.reopen?.() ?? opened.store });
  });
  afterEach(async () => {
    await app.close();
    await elsewhere.close();
    await opened.remove();
  });

  const ways: Record<string, { end: (client: Client, id: string) => Promise<unknown>; reason: string }> = {
    'sign-out': { end: (client) => client.post('/signOut'), reason: 'signed-out' },
    destroy: { end: (client) => client.post('/destroy'), reason: 'destroyed' },
    revocation: { end: (_client, id) => app.sessions.revoke(id, 'credential-changed'), reason: 'credential-changed' },
    'revocation of all': { end: () => app.sessions.revokeAll('ada'), reason: 'revoked' },
    'a new sign-in in its place': { end: (client) => client.post('/sign-in/grace'), reason: 'replaced' },
    're-authentication in its place': { end: (client) => client.post('/reauthenticate'), reason: 'replaced' },
    'a new session in its place': { end: (client) => client.post('/regenerate'), reason: 'replaced' },
    'a change of identity by hand': {
      end: (client) => client.post('/put', { body: { userId: 7 } }),
      reason: 'replaced',
    },
  };

  it.each(Object.entries(ways))('a stream hears of %s at once', async (_name, { end, reason }) => {
    const client = await signedIn(app, 'ada');
    const { id } = (await client.get('/me')).json<Me>();
    const stream = client.copy().get('/stream');
    await streaming.promise;
    await end(client, id);
    expect((await stream).text).toBe(`event: open\n\nERR_SESSION_ENDED ${reason}`);
  });

  it.each(['idle', 'absolute'])('a stream hears of the %s limit', async (limit) => {
    const client = await signedIn(app, 'ada');
    const stream = client.copy().get('/stream');
    await streaming.promise;
    // A session that stays in use reaches only its absolute limit.
    for (let minute = 0; limit === 'absolute' && minute < 30; minute += 5) {
      expect((await client.get('/guarded')).status).toBe(200);
      clock.advance(5 * 60_000);
      await spy.settled();
    }
    const signal = await streaming.promise;
    if (limit === 'idle') {
      clock.advance(10 * 60_000 - 1);
      await spy.settled();
      expect(signal.aborted).toBe(false);
    }
    // A check that was under way when the clock leapt is taken for a fault of the store: the next one asks again.
    for (let check = 0; check < 3 && !signal.aborted; check++) {
      clock.advance(checkMs);
      await spy.settled();
    }
    expect((await stream).text).toBe('event: open\n\nERR_SESSION_ENDED expired');
  });

  it('a long request hears of it too', async () => {
    const client = await signedIn(app, 'ada');
    const long = client.copy().post('/long');
    await streaming.promise;
    await client.post('/signOut');
    expect((await long).json()).toEqual({ told: 'ERR_SESSION_ENDED signed-out' });
  });

  it('a signal that was asked for before the sign-in belongs to the session that it began', async () => {
    const stream = app.client().post('/sign-in-and-stay');
    await streaming.promise;
    expect(await app.sessions.revokeAll('ada')).toBe(1);
    expect((await stream).text).toBe('signed in\nERR_SESSION_ENDED revoked');
  });

  it('what another instance ended is heard within its check, one second', async () => {
    const client = await signedIn(app, 'ada');
    const stream = client.get('/stream');
    const signal = await streaming.promise;
    await bearing(elsewhere, tokenOf(client)).post('/signOut');
    clock.advance(checkMs);
    expect((await stream).text).toBe('event: open\n\nERR_SESSION_ENDED signed-out');
    expect(signal.reason).toBeInstanceOf(SessionError);
  });

  it('a session that is still alive is not told that it ended', async () => {
    const client = await signedIn(app, 'ada');
    const other = await signedIn(app, 'ada');
    const stream = client.copy().get('/stream');
    const signal = await streaming.promise;
    await client.post('/put', { body: { views: 1 } });
    await other.post('/signOut');
    clock.advance(5 * checkMs);
    await spy.settled();
    expect(signal.aborted).toBe(false);
    await client.post('/signOut');
    await stream;
  });

  it('asking after the end gets a signal that is aborted already', async () => {
    const client = await signedIn(app, 'ada');
    const copy = client.copy();
    await client.post('/signOut');
    const stream = copy.get('/stream');
    const signal = await streaming.promise;
    expect(signal.aborted).toBe(true);
    expect(describeReason(signal.reason)).toBe('ERR_SESSION_ENDED signed-out');
    app.server.closeAllConnections();
    await stream.catch(() => {});
  });

  it('lets go of the signal when the response is over, and of its timers with the last one', async () => {
    const client = await signedIn(app, 'ada');
    const timers = clock.pending;
    const watcher = client.copy();
    const stream = watcher.get('/stream').catch(() => 'cut');
    const signal = await streaming.promise;
    expect(clock.pending).toBeGreaterThan(timers);
    watcher.close();
    await over.promise;
    await stream;
    await spy.settled();
    expect(clock.pending).toBe(timers);
    await client.post('/signOut');
    expect(signal.aborted).toBe(false);
  });
});

function describeReason(reason: unknown): string {
  return reason instanceof SessionError ? `${reason.code} ${reason.reason}` : String(reason);
}
