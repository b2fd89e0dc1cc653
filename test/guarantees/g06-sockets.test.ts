import { once } from 'node:events';
import { connect } from 'node:net';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { startApp, type TestApp } from '../support/app.js';
import { startChildApp } from '../support/child.js';
import { Client } from '../support/client.js';
import { FakeClock } from '../support/fake-clock.js';
import { bearing, everyVerb, type Me, signedIn, tokenOf } from '../support/routes.js';
import { acceptedOf, type OpenSocket, openSocket, type SocketServer, say, serveSockets } from '../support/sockets.js';
import { type Spy, spyOn } from '../support/spy-store.js';
import { type OpenStore, storeKinds } from '../support/stores.js';

/** The look of a store that does not push: by then at the latest a socket is told. */
const checkMs = 1_000;
const minute = 60_000;

/** Signs an owner in `count` times, and answers the tokens. */
async function manySessions(app: TestApp, owner: string, count: number): Promise<string[]> {
  const tokens: string[] = [];
  const worker = async () => {
    while (tokens.length < count) {
      const client = app.client();
      const at = tokens.push('') - 1;
      await client.post(`/sign-in/${owner}`, { body: {} });
      tokens[at] = tokenOf(client);
      client.close();
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  return tokens;
}

const socketOf = (app: TestApp, token: string): Promise<OpenSocket> =>
  openSocket(app.origin, { cookie: `${app.cookieName}=${token}`, origin: app.origin });

describe.each(storeKinds)('G6, open sockets are told: $name', (kind) => {
  let clock: FakeClock;
  let opened: OpenStore;
  let spy: Spy;
  let app: TestApp;
  let elsewhere: TestApp;
  let sockets: SocketServer;

  beforeEach(async () => {
    clock = new FakeClock();
    opened = await kind.open();
    const { remove } = opened;
    spy = spyOn(opened.store);
    const options = { idle: '10m', absolute: '30m', clock } as const;
    app = await startApp(everyVerb, { ...options, store: spy.store });
    elsewhere = await startApp(everyVerb, { ...options, store: opened.reopen?.() ?? opened.store });
    onTestFinished(async () => {
      await app.close();
      await elsewhere.close();
      await remove();
    });
    sockets = serveSockets(app.server, app.sessions);
  });

  const pass = async (ms: number): Promise<void> => {
    await spy.settled();
    clock.advance(ms);
    await spy.settled();
  };

  const ways: Record<string, [end: (client: Client, id: string) => Promise<unknown>, reason: string]> = {
    'sign-out': [(client) => client.post('/signOut'), 'signed-out'],
    revocation: [(_client, id) => app.sessions.revoke(id), 'revoked'],
    'revocation with a reason': [(_client, id) => app.sessions.revoke(id, 'password-changed'), 'password-changed'],
    'revocation of all': [() => app.sessions.revokeAll('ada'), 'revoked'],
    'a new sign-in in its place': [(client) => client.post('/sign-in/grace'), 'replaced'],
    're-authentication': [(client) => client.post('/reauthenticate'), 'replaced'],
  };

  it.each(Object.entries(ways))('of %s at once, with 4401 and the reason', async (_name, [end, reason]) => {
    const client = await signedIn(app, 'ada');
    const { id } = (await client.get('/me')).json<Me>();
    const socket = await socketOf(app, tokenOf(client));
    await end(client, id);
    expect(await socket.closed).toBe(`4401 ${reason}`);
  });

  it('of the idle limit, which an open socket and its traffic do not move', async () => {
    const client = await signedIn(app, 'ada');
    const socket = await socketOf(app, tokenOf(client));
    await pass(5 * minute);
    expect(await say(socket, 'hello')).toBe('ada: hello');
    // A page that connects again by itself does not move it either.
    await socketOf(app, tokenOf(client));
    await pass(5 * minute - 1);
    expect(acceptedOf(sockets).signal.aborted).toBe(false);
    await pass(checkMs);
    expect(await socket.closed).toBe('4401 expired');
    expect((await client.get('/guarded')).status).toBe(401);
  });

  it('of the absolute limit, although a person is at the socket all the time', async () => {
    const client = await signedIn(app, 'ada');
    const socket = await socketOf(app, tokenOf(client));
    for (let at = 0; at < 30; at += 5) {
      expect(await say(socket, 'touch')).toBe('ada: touch');
      await pass(5 * minute);
    }
    await pass(checkMs);
    expect(await socket.closed).toBe('4401 expired');
  });

  it('touch() moves the idle limit, at most every touchEvery, and from what the session is by now', async () => {
    const client = await signedIn(app, 'ada');
    const socket = await socketOf(app, tokenOf(client));
    await pass(9 * minute);
    spy.forget();
    for (let times = 0; times < 5; times++) await say(socket, 'touch');
    await spy.settled();
    expect(spy.count('touch')).toBe(1);
    await pass(9 * minute);
    expect((await client.get('/guarded')).status).toBe(200);
    await spy.settled();
    spy.forget();
    // The request has just moved it: there is nothing to move.
    await say(socket, 'touch');
    await spy.settled();
    expect(spy.count('touch')).toBe(0);
  });

  it('the close of a socket does not extend the session', async () => {
    const client = await signedIn(app, 'ada');
    const socket = await socketOf(app, tokenOf(client));
    await pass(9 * minute);
    socket.ws.close();
    await socket.closed;
    await pass(1 * minute);
    expect((await client.get('/guarded')).status).toBe(401);
  });

  it('50 sockets of an owner with 1,000 sessions, by one look after another instance revoked them all', async () => {
    const tokens = await manySessions(app, 'ada', 1_000);
    const other = await socketOf(app, tokenOf(await signedIn(app, 'grace')));
    const open = await Promise.all(tokens.slice(0, 50).map((token) => socketOf(app, token)));
    clock.advance(1);
    expect(await elsewhere.sessions.revokeAll('ada')).toBe(1_000);
    await spy.settled();
    clock.advance(checkMs);
    expect(new Set(await Promise.all(open.map(({ closed }) => closed)))).toEqual(new Set(['4401 revoked']));
    expect(await say(other, 'still here')).toBe('grace: still here');
    for (const token of tokens.slice(0, 100)) {
      const client = bearing(app, token);
      expect((await client.get('/guarded')).status).toBe(401);
      client.close();
    }
  }, 360_000);

  it('a client that ignores the close frame is heard no more, and is cut off a second later', async () => {
    const client = await signedIn(app, 'ada');
    const raw = connect(app.port, '127.0.0.1');
    onTestFinished(() => void raw.destroy());
    // Whether it is cut off with a reset depends on what the server has read by then.
    raw.on('error', () => {});
    raw.write(
      `GET / HTTP/1.1\r\nHost: 127.0.0.1:${app.port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nCookie: ${client.cookie}\r\n\r\n`,
    );
    const text = (line: string) =>
      Buffer.concat([Buffer.from([0x81, 0x80 | line.length, 0, 0, 0, 0]), Buffer.from(line)]);
    await once(raw, 'data');
    raw.write(text('before'));
    await once(raw, 'data');
    const frame = once(raw, 'data');
    await client.post('/signOut');
    // The close frame: opcode 8, code 4401.
    expect([...((await frame) as [Buffer])[0].subarray(0, 4)]).toEqual([0x88, 12, 4401 >> 8, 4401 & 0xff]);
    raw.write(text('after'));
    // A frame of a client that is heard is answered; this one shows that the server has read as far.
    const ended = new Promise((resolve) => raw.once('close', resolve));
    await new Promise<void>((resolve) => raw.write(text('and on'), () => resolve()));
    await spy.settled();
    clock.advance(checkMs);
    await ended;
    expect(sockets.heard).toEqual(['before']);
  });

  it('lets go of the session when the socket has closed, and of the timer with the last one', async () => {
    const client = await signedIn(app, 'ada');
    await spy.settled();
    const timers = clock.pending;
    const [one, two] = [await socketOf(app, tokenOf(client)), await socketOf(app, tokenOf(client))];
    const { signal } = acceptedOf(sockets);
    expect(clock.pending).toBeGreaterThan(timers);
    for (const { ws, closed } of [one, two]) {
      ws.close();
      await closed;
    }
    await spy.settled();
    expect(clock.pending).toBe(timers);
    await client.post('/signOut');
    expect(signal.aborted).toBe(false);
  });
});

describe('G6, open sockets are told: by another process', () => {
  it('50 sockets of an owner with 1,000 sessions, while requests go on', async () => {
    const lmdb = storeKinds.find(({ name }) => name === 'lmdb');
    if (!lmdb) throw new Error('no store that processes share');
    const opened = await lmdb.open();
    const app = await startApp(everyVerb, { store: opened.store });
    const child = await startChildApp(opened.folder ?? '');
    onTestFinished(async () => {
      await child.close();
      await app.close();
      await opened.remove();
    });
    serveSockets(app.server, app.sessions);
    const tokens = await manySessions(app, 'ada', 1_000);
    const open = await Promise.all(tokens.slice(0, 50).map((token) => socketOf(app, token)));
    let revoked = false;
    const afterwards: number[] = [];
    const load = tokens.slice(50, 58).map(async (token) => {
      const client = bearing(app, token);
      for (let extra = 0; extra < 5; ) {
        // Asked before the request is sent: what arrives after the call has resolved must be refused.
        const late = revoked;
        const { status } = await client.get('/guarded');
        if (late) {
          afterwards.push(status);
          extra++;
        }
      }
      client.close();
    });
    const there = new Client(child.origin);
    for (const now = Date.now(); Date.now() === now; ) await new Promise((next) => setImmediate(next));
    expect((await there.post('/revoke-all/ada')).json()).toEqual({ ended: 1_000 });
    revoked = true;
    there.close();
    expect(new Set(await Promise.all(open.map(({ closed }) => closed)))).toEqual(new Set(['4401 revoked']));
    await Promise.all(load);
    expect(afterwards).toEqual(afterwards.map(() => 401));
    expect(afterwards).toHaveLength(40);
  }, 360_000);
});
