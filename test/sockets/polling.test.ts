/** A handshake that is no upgrade: long polling, and streams of a plain server. Thousands may come over one connection. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it, onTestFinished } from 'vitest';
import type { AcceptedUpgrade, SessionError } from '../../src/index.js';
import { memoryStore } from '../../src/index.js';
import { startApp } from '../support/app.js';
import { Client } from '../support/client.js';
import { deferred } from '../support/deferred.js';
import { FakeClock } from '../support/fake-clock.js';
import { everyVerb, signedIn } from '../support/routes.js';
import { spyOn } from '../support/spy-store.js';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

type Handler = (handshake: AcceptedUpgrade, req: IncomingMessage, res: ServerResponse) => unknown;

/** Somebody who is signed in, and a plain server that opens her session with `upgrade`. */
async function start(handler: Handler) {
  const clock = new FakeClock();
  const spy = spyOn(memoryStore());
  const app = await startApp(everyVerb, { clock, store: spy.store });
  onTestFinished(() => app.close());
  const sockets = new Set<unknown>();
  const server = createServer(async (req, res) => {
    sockets.add(req.socket);
    const handshake = await app.sessions.upgrade(req);
    if (!handshake.accepted) throw handshake.error;
    await handler(handshake, req, res);
  });
  server.keepAliveTimeout = 0;
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  const { jar } = await signedIn(app, 'ada');
  // All over one connection, however long the machine takes between two requests.
  const client = new Client(`http://127.0.0.1:${port}`, jar, Number.POSITIVE_INFINITY);
  onTestFinished(async () => {
    client.close();
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  });
  await spy.settled();
  return { app, client, clock, spy, port, sockets, timers: clock.pending };
}

it.each<[string, (handshake: AcceptedUpgrade) => unknown]>([
  ['nobody watches', () => {}],
  ['the signal was looked at', ({ signal }) => signal],
  ['who was told has let go', ({ onEnd }) => onEnd(() => {})()],
])('of 300 handshakes over one connection nothing is left while it lives on: %s', async (_, use) => {
  const made: WeakRef<object>[] = [];
  let over = Promise.resolve<unknown>(undefined);
  const { client, clock, spy, sockets, timers } = await start((handshake, req, res) => {
    use(handshake);
    made.push(new WeakRef(handshake.session), new WeakRef(req));
    over = once(res, 'close');
    res.end('polled');
  });
  for (let poll = 0; poll < 300; poll++) {
    expect((await client.get('/socket.io/?transport=polling')).text).toBe('polled');
    await over;
  }
  await spy.settled();
  expect([sockets.size, made.length, clock.pending]).toEqual([1, 600, timers]);
  gc();
  await new Promise((resolve) => setImmediate(resolve));
  gc();
  // The last few are held by the machinery of sockets and by the stack.
  expect(made.filter((one) => one.deref()).length).toBeLessThan(20);
});

/** What a stream says until it ends, and what is done once it has begun. */
async function streamed(port: number, cookie: string, method: string, begun: () => Promise<unknown>): Promise<string> {
  const sent = request({ host: '127.0.0.1', port, method, headers: { cookie } }).end(method === 'POST' ? 'asked' : '');
  const [res] = (await once(sent, 'response')) as [IncomingMessage];
  res.setEncoding('utf8');
  let text = String((await once(res, 'data'))[0]);
  const ended = once(res, 'end');
  res.on('data', (chunk: string) => {
    text += chunk;
  });
  await begun();
  await ended;
  return text;
}

it.each(['GET', 'POST'])(
  'a stream is told of the end as long as it lasts, also when its %s was read long ago',
  async (method) => {
    const { app, client, port } = await start(async ({ signal }, req, res) => {
      const read = once(req, 'close');
      for await (const _ of req);
      await read;
      signal.addEventListener('abort', () => res.end(` over: ${(signal.reason as SessionError).reason}`));
      res.write('begun');
    });
    const text = await streamed(port, client.cookie, method, () => app.sessions.revokeAll('ada'));
    expect(text).toBe('begun over: revoked');
  },
);

it('who holds a handshake is told of the end after its request, and lets go by hand', async () => {
  let held: AcceptedUpgrade | undefined;
  let over = Promise.resolve<unknown>(undefined);
  const { app, client, clock, spy, timers } = await start((handshake, _req, res) => {
    held = handshake;
    over = once(res, 'close');
    res.end('polled');
  });
  const told: string[] = [];
  const hold = async () => {
    await client.get('/');
    await over;
    return held?.onEnd(({ code, reason }) => told.push(`${code} ${reason}`));
  };
  const [one] = [await hold(), await hold()];
  expect(clock.pending).toBeGreaterThan(timers);
  one?.();
  await app.sessions.revokeAll('ada', { reason: 'password-changed' });
  expect(told).toEqual(['4401 password-changed']);
  await spy.settled();
  expect(clock.pending).toBe(timers);
});

it('a client that leaves in the middle leaves nothing behind', async () => {
  const reached = deferred();
  let over = Promise.resolve<unknown>(undefined);
  const { client, clock, spy, timers } = await start((handshake, _req, res) => {
    over = once(res, 'close');
    void handshake.signal;
    reached.resolve();
  });
  const answer = client.get('/').catch(() => 'gone');
  await reached.promise;
  expect(clock.pending).toBeGreaterThan(timers);
  client.close();
  expect(await answer).toBe('gone');
  await over;
  await spy.settled();
  expect(clock.pending).toBe(timers);
});
