import { createServer, type IncomingMessage } from 'node:http';
import { Server } from 'socket.io';
import { io } from 'socket.io-client';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { AcceptedUpgrade, SignInRequirements, UpgradeOptions } from '../../src/index.js';
import { startApp, type TestApp } from '../support/app.js';
import { FakeClock } from '../support/fake-clock.js';
import { everyVerb, signedIn } from '../support/routes.js';
import { acceptedOf, openSocket, type SocketServer, say, serveSockets } from '../support/sockets.js';

const minute = 60_000;
const stepUp = 'refused 401 ERR_SESSION_STEP_UP_REQUIRED';

let clock: FakeClock;
beforeEach(() => {
  clock = new FakeClock();
});

/** Sockets that ask for this, and a route that asks for the same. */
async function start(asked: UpgradeOptions & SignInRequirements): Promise<[TestApp, SocketServer]> {
  const app = await startApp(
    (target, sessions) => {
      everyVerb(target, sessions);
      target.get('/asked', sessions.require(asked), (_req, res) => res.send('open'));
    },
    { clock, idle: '2h' },
  );
  onTestFinished(() => app.close());
  return [app, serveSockets(app.server, app.sessions, asked)];
}

const outcome = (app: TestApp, cookie: string): Promise<string> =>
  openSocket(app.origin, { cookie }).then(
    () => 'open',
    (error: Error) => error.message,
  );

describe('a socket asks of a sign-in what a route can ask', () => {
  it('the assurance level', async () => {
    const [app, sockets] = await start({ aal: 2 });
    const client = await signedIn(app, 'ada');
    expect(await outcome(app, client.cookie)).toBe(stepUp);
    expect(sockets.handshakes.at(-1)).toMatchObject({
      error: { missing: [{ requirement: 'aal', wanted: 2, got: 1 }] },
    });
    expect(app.events).toContainEqual(expect.objectContaining({ type: 'guard-refused', reason: 'guard-aal' }));
    await client.post('/reauthenticate', { body: { aal: 2 } });
    expect(await outcome(app, client.cookie)).toBe('open');
  });

  it('the age of the proof', async () => {
    const [app] = await start({ freshWithin: '5m' });
    const client = await signedIn(app, 'ada');
    clock.advance(5 * minute);
    expect(await outcome(app, client.cookie)).toBe('open');
    clock.advance(1);
    expect(await outcome(app, client.cookie)).toBe(stepUp);
  });

  it('what is unlocked, and a socket without it is forbidden ground', async () => {
    const [app] = await start({ scope: 'payments' });
    const client = await signedIn(app, 'ada');
    expect(await outcome(app, client.cookie)).toBe('refused 403 ERR_SESSION_STEP_UP_REQUIRED');
    await client.post('/elevate/refunds', { body: {} });
    expect(await outcome(app, client.cookie)).toBe('refused 403 ERR_SESSION_STEP_UP_REQUIRED');
    await client.post('/elevate/payments', { body: {} });
    expect(await outcome(app, client.cookie)).toBe('open');
  });

  it('a sign-in that waits for its next step meets none of it', async () => {
    const [app, sockets] = await start({ freshWithin: '5m' });
    const client = app.client();
    await client.post('/sign-in/ada', { body: { pending: 'mfa' } });
    expect(await outcome(app, client.cookie)).toBe('refused 401 ERR_SESSION_PENDING');
    expect(sockets.handshakes.at(-1)).toMatchObject({ error: { missing: [{ requirement: 'step', step: 'mfa' }] } });
  });

  it('and says the same as the route in every case', async () => {
    for (const asked of [{ aal: 2 }, { scope: 'payments' }, { freshWithin: '5m' }, { aal: 1 }] as const) {
      const [app, sockets] = await start(asked);
      const client = await signedIn(app, 'ada');
      for (const after of [0, 6 * minute]) {
        clock.advance(after);
        const answer = await client.get('/asked', { headers: { 'sec-fetch-dest': 'empty' } });
        const came = await outcome(app, client.cookie);
        const last = sockets.handshakes.at(-1);
        expect([came === 'open', last?.accepted ? 200 : last?.status]).toEqual([answer.status === 200, answer.status]);
        if (last && !last.accepted) {
          const { code, missing } = answer.json<{ code: string; missing: unknown }>();
          expect([last.code, last.error.missing]).toEqual([code, missing]);
        }
      }
    }
  });
});

describe('an open socket does not outlive what it was opened for', () => {
  it('it closes with 4403 at the moment at which what was unlocked closes, and the session goes on', async () => {
    const [app, sockets] = await start({ scope: 'payments' });
    const client = await signedIn(app, 'ada');
    await client.post('/elevate/payments', { body: { for: '10m' } });
    const socket = await openSocket(app.origin, { cookie: client.cookie });
    const { signal, session } = acceptedOf(sockets);
    clock.advance(10 * minute - 1);
    expect(await say(socket, 'pay')).toBe('ada: pay');
    expect(signal.aborted).toBe(false);
    clock.advance(1);
    expect(await socket.closed).toBe('4403 step-up-required');
    expect(signal.reason).toMatchObject({ code: 'ERR_SESSION_STEP_UP_REQUIRED', missing: [{ scope: 'payments' }] });
    expect(session.info.signal.aborted).toBe(false);
    expect((await client.get('/guarded')).status).toBe(200);
    expect((await client.get('/asked')).status).toBe(403);
    expect(app.events.filter(({ type }) => type === 'guard-refused')).toMatchObject([
      { reason: 'guard-scope' },
      { reason: 'guard-scope' },
    ]);
  });

  it('and when the proof of who somebody is gets too old', async () => {
    const [app] = await start({ freshWithin: '5m', aal: 1 });
    const client = await signedIn(app, 'ada');
    clock.advance(2 * minute);
    const socket = await openSocket(app.origin, { cookie: client.cookie });
    clock.advance(3 * minute);
    expect(await say(socket, 'still')).toBe('ada: still');
    clock.advance(1);
    expect(await socket.closed).toBe('4403 step-up-required');
  });

  it('whichever is first', async () => {
    const [app] = await start({ freshWithin: '5m', scope: 'payments' });
    const client = await signedIn(app, 'ada');
    await client.post('/elevate/payments', { body: { for: '30m' } });
    const socket = await openSocket(app.origin, { cookie: client.cookie });
    clock.advance(5 * minute + 1);
    expect(await socket.closed).toBe('4403 step-up-required');
  });

  it('nothing that comes in afterwards reaches the app', async () => {
    const [app, sockets] = await start({ scope: 'payments' });
    const client = await signedIn(app, 'ada');
    await client.post('/elevate/payments', { body: { for: '10m' } });
    const socket = await openSocket(app.origin, { cookie: client.cookie });
    expect(await say(socket, 'in time')).toBe('ada: in time');
    clock.advance(10 * minute);
    socket.ws.send('too late');
    await socket.closed;
    expect(sockets.heard).toEqual(['in time']);
  });

  it('the end of the session comes first where it is first, with 4401', async () => {
    const [app] = await start({ scope: 'payments' });
    const client = await signedIn(app, 'ada');
    await client.post('/elevate/payments', { body: { for: '10m' } });
    const socket = await openSocket(app.origin, { cookie: client.cookie });
    await app.sessions.revokeAll('ada');
    expect(await socket.closed).toBe('4401 revoked');
    clock.advance(1);
    const again = await signedIn(app, 'ada');
    await again.post('/elevate/payments', { body: { for: '10m' } });
    const other = await openSocket(app.origin, { cookie: again.cookie });
    // A new token for the same session: what was unlocked goes on there, the socket of the old one does not.
    await again.post('/elevate/refunds', { body: {} });
    expect(await other.closed).toBe('4401 replaced');
  });

  it('a socket that has closed holds no timer', async () => {
    const [app, sockets] = await start({ freshWithin: '1h' });
    const client = await signedIn(app, 'ada');
    const before = clock.pending;
    const socket = await openSocket(app.origin, { cookie: client.cookie });
    expect(clock.pending).toBeGreaterThan(before);
    const gone = new Promise<void>((resolve) => {
      sockets.onClose = resolve;
    });
    socket.ws.close();
    await gone;
    expect(clock.pending).toBe(before);
  });

  it.each(['websocket', 'polling'])('socket.io over %s is told the same', async (transport) => {
    const [app] = await start({});
    const server = createServer();
    const handshakes = new WeakMap<IncomingMessage, AcceptedUpgrade>();
    const sockets = new Server(server, {
      async allowRequest(req, decide) {
        const handshake = await app.sessions.upgrade(req, { scope: 'payments' });
        if (handshake.accepted) handshakes.set(req, handshake);
        decide(handshake.accepted ? null : handshake.code, handshake.accepted);
      },
    });
    sockets.on('connection', (socket) => {
      const letGo = handshakes.get(socket.request)?.onEnd(({ code, reason }) => {
        socket.emit('over', `${code} ${reason}`);
        socket.disconnect(true);
      });
      socket.on('disconnect', () => letGo?.());
      socket.on('say', (text: string, answer: (line: string) => void) => answer(`heard ${text}`));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void sockets.close());
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    // A cookie's name has the app's port in it.
    const connect = async (cookie: string) => {
      const socket = io(`http://127.0.0.1:${port}`, {
        transports: [transport],
        extraHeaders: { cookie: cookie.replace(`${app.port}`, `${port}`) },
        reconnection: false,
        forceNew: true,
      });
      onTestFinished(() => void socket.close());
      await new Promise<void>((resolve, reject) => {
        socket.once('connect', resolve);
        socket.once('connect_error', reject);
      });
      return socket;
    };
    const client = await signedIn(app, 'ada');
    await expect(connect(client.cookie)).rejects.toThrow();
    await client.post('/elevate/payments', { body: { for: '10m' } });
    const socket = await connect(client.cookie);
    expect(await socket.emitWithAck('say', 'pay')).toBe('heard pay');
    const over = new Promise<string>((resolve) => socket.once('over', resolve));
    const disconnected = new Promise<string>((resolve) => socket.once('disconnect', resolve));
    clock.advance(10 * minute);
    expect(await over).toBe('4403 step-up-required');
    expect(await disconnected).toBe('io server disconnect');
    await expect(connect(client.cookie)).rejects.toThrow();
  });
});

it('requirements that cannot be, and requirements of those who are not signed in, are a clear error', async () => {
  const [app] = await start({});
  const request = new Promise<IncomingMessage>((resolve) => app.server.once('request', resolve));
  await app.client().get('/public');
  const req = await request;
  const upgrade = (options: object) => app.sessions.upgrade(req, options as UpgradeOptions);
  await expect(upgrade({ aal: 4 })).rejects.toThrow(/upgrade\(\) aal/);
  await expect(upgrade({ freshWithin: 'soon' })).rejects.toThrow(/upgrade\(\) freshWithin/);
  await expect(upgrade({ scope: 'two words' })).rejects.toThrow(/upgrade\(\) scope/);
  await expect(upgrade({ anonymous: true, aal: 2 })).rejects.toThrow(/upgrade\(\) anonymous.*aal/);
});
