import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { Server } from 'socket.io';
import { io } from 'socket.io-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { memoryStore, session, sessionOf } from '../../src/index.js';
import { testSecret } from '../support/app.js';
import { Client } from '../support/client.js';

interface Answered {
  readonly owner: string | null;
  readonly views: number;
}

/** As socket.io's own documentation has it for express-session. */
async function start() {
  const sessions = session({ secret: testSecret, store: memoryStore() });
  const app = express();
  app.use(sessions);
  app.post('/login', async (req, res) => {
    await sessionOf(req).signIn('ada');
    res.sendStatus(204);
  });
  app.post('/logout', async (req, res) => {
    await sessionOf(req).signOut();
    res.sendStatus(204);
  });
  app.get('/views', (req, res) => void res.json(sessionOf<{ views: number }>(req).views ?? 0));
  const server = createServer(app);
  const sockets = new Server(server);
  sockets.engine.use(sessions);
  sockets.on('connection', (socket) => {
    const visit = sessionOf(socket.request);
    visit.info.signal.addEventListener('abort', () => socket.disconnect(true));
    socket.on('look', async (answer: (told: Answered) => void) => {
      const visit = sessionOf<{ views: number }>(socket.request);
      const owner = visit.info.owner ?? null;
      if (owner !== null) {
        await visit.update<{ views?: number }>((data) => {
          data.views = (data.views ?? 0) + 1;
        });
      }
      answer({ owner, views: visit.views ?? 0 });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    await sockets.close();
    await sessions.close();
  });
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = new Client(origin);
  onTestFinished(() => client.close());
  return { origin, client };
}

function connect(origin: string, transport: string, cookie: string, headers: Record<string, string> = {}) {
  const socket = io(origin, {
    transports: [transport],
    extraHeaders: cookie === '' ? headers : { cookie, ...headers },
    reconnection: false,
    forceNew: true,
  });
  onTestFinished(() => void socket.close());
  return new Promise<typeof socket>((resolve, reject) => {
    socket.once('connect', () => resolve(socket));
    socket.once('connect_error', reject);
  });
}

describe.each(['websocket', 'polling'])('socket.io with io.engine.use(sessions), over %s', (transport) => {
  it('a socket has the session of its handshake, reads it and changes it', async () => {
    const { origin, client } = await start();
    await client.post('/login');
    const socket = await connect(origin, transport, client.cookie);
    expect(await socket.emitWithAck('look')).toEqual({ owner: 'ada', views: 1 });
    expect(await socket.emitWithAck('look')).toEqual({ owner: 'ada', views: 2 });
    expect((await client.get('/views')).json()).toBe(2);
  });

  it('a socket without a cookie is let in, and is nobody’s', async () => {
    const { origin } = await start();
    const socket = await connect(origin, transport, '');
    expect(await socket.emitWithAck('look')).toEqual({ owner: null, views: 0 });
  });
});

describe('a WebSocket of socket.io with io.engine.use(sessions)', () => {
  it('is refused to the pages of other sites', async () => {
    const { origin, client } = await start();
    await client.post('/login');
    await expect(connect(origin, 'websocket', client.cookie, { origin: 'https://evil.example' })).rejects.toThrow(
      'websocket error',
    );
    await connect(origin, 'websocket', client.cookie, { origin });
  });

  it('is told by info.signal when its session is signed out', async () => {
    const { origin, client } = await start();
    await client.post('/login');
    const socket = await connect(origin, 'websocket', client.cookie);
    const over = new Promise<string>((resolve) => socket.once('disconnect', resolve));
    await client.post('/logout');
    expect(await over).toBe('io server disconnect');
  });
});
