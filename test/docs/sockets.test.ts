import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { io } from 'socket.io-client';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { blocksOf } from '../../scripts/check-docs.js';
import { Client } from '../support/client.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const blocks = blocksOf(readFileSync(join(root, 'docs/guides/sockets.md'), 'utf8')).map((block) => block.code);

/** The code of the guide's block that has this text, as a server of its own on a free port. */
async function startGuide(text: string): Promise<{ port: number; client: Client }> {
  const [code = '', ...more] = blocks.filter((block) => block.includes(text));
  expect(more, text).toEqual([]);
  const listening = code.replace(
    /(\w+)\.listen\(3000\);/,
    "const up = $1.listen(0, '127.0.0.1', () => console.log('port', (up.address() as { port: number }).port));",
  );
  expect(listening).not.toBe(code);
  // Inside the repository, where `holdfast` means this package.
  mkdirSync(join(root, '.tmp'), { recursive: true });
  const folder = mkdtempSync(join(root, '.tmp', 'sockets-'));
  writeFileSync(join(folder, 'server.ts'), listening);
  const child = spawn(process.execPath, ['--import', 'tsx', 'server.ts'], {
    cwd: folder,
    env: { ...process.env, NODE_ENV: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(async () => {
    child.kill();
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    rmSync(folder, { recursive: true, force: true });
  });
  const port = await portOf(child);
  const client = new Client(`http://127.0.0.1:${port}`);
  onTestFinished(() => client.close());
  return { port, client };
}

function portOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (chunk: string) => {
        said += chunk;
        const [, port] = /^port (\d+)$/m.exec(said) ?? [];
        if (port !== undefined) resolve(Number(port));
      });
    }
    child.once('exit', () => reject(new Error(`the guide's server ended: ${said}`)));
  });
}

describe('the code of docs/guides/sockets.md', () => {
  test('ws: lets in who is signed in on this site, and closes with 4401 when they sign out', async () => {
    const { port, client } = await startGuide('new WebSocketServer');
    const url = `ws://127.0.0.1:${port}`;
    const refusal = async (headers: Record<string, string>) => {
      const [, answer] = (await once(
        new WebSocket(url, { headers }).on('error', () => {}),
        'unexpected-response',
      )) as [unknown, IncomingMessage];
      return answer.statusCode;
    };
    expect(await refusal({})).toBe(401);
    await client.post('/login');
    expect(await refusal({ cookie: client.cookie, origin: 'https://evil.example' })).toBe(403);

    const ws = new WebSocket(url, { headers: { cookie: client.cookie, origin: `http://127.0.0.1:${port}` } });
    await once(ws, 'open');
    ws.send('hello');
    expect(String((await once(ws, 'message'))[0])).toBe('ada says hello');
    const closed = once(ws, 'close');
    await client.post('/logout');
    const [code, reason] = await closed;
    expect([code, String(reason)]).toEqual([4401, 'signed-out']);
  });

  test.each(['websocket', 'polling'])('socket.io over %s: the same, and the client stays away', async (transport) => {
    const { port, client } = await startGuide('new Server(server');
    const connect = (extraHeaders: Record<string, string>) => {
      const socket = io(`http://127.0.0.1:${port}`, {
        transports: [transport],
        extraHeaders,
        reconnection: false,
        forceNew: true,
      });
      onTestFinished(() => void socket.close());
      return socket;
    };
    const happens = (socket: ReturnType<typeof connect>, event: string) =>
      new Promise<unknown>((resolve) => socket.once(event, resolve));
    await happens(connect({}), 'connect_error');
    await client.post('/login');
    await happens(connect({ cookie: client.cookie, origin: 'https://evil.example' }), 'connect_error');

    const socket = connect({ cookie: client.cookie });
    await happens(socket, 'connect');
    expect(socket.io.engine.transport.name).toBe(transport);
    expect(await socket.emitWithAck('say', 'hello')).toBe('ada says hello');
    const [over, disconnected] = [happens(socket, 'session-over'), happens(socket, 'disconnect')];
    await client.post('/logout');
    expect([await over, await disconnected]).toEqual(['signed-out', 'io server disconnect']);
    await happens(connect({ cookie: client.cookie }), 'connect_error');
  });

  test('socket.io that begins with polling and goes over to a WebSocket keeps its session, and loses it', async () => {
    const { port, client } = await startGuide('new Server(server');
    await client.post('/login');
    const socket = io(`http://127.0.0.1:${port}`, { extraHeaders: { cookie: client.cookie }, forceNew: true });
    onTestFinished(() => void socket.close());
    const over = new Promise<unknown>((resolve) => socket.once('session-over', resolve));
    const connected = new Promise<void>((resolve) => socket.once('connect', resolve));
    // From the handshake on: which of the two comes first is the machine's business.
    await new Promise<void>((resolve) => {
      socket.io.once('open', () => {
        expect(socket.io.engine.transport.name).toBe('polling');
        socket.io.engine.once('upgrade', () => resolve());
      });
    });
    await connected;
    expect(await socket.emitWithAck('say', 'hello')).toBe('ada says hello');
    await client.post('/logout');
    expect(await over).toBe('signed-out');
  });

  test('server-sent events: the stream says why it ends, and the next one is refused', async () => {
    const { port, client } = await startGuide('text/event-stream');
    expect((await client.get('/events')).status).toBe(401);
    await client.post('/login');
    const { cookie } = client;
    const stream = await new Promise<IncomingMessage>((resolve) =>
      get({ port, host: '127.0.0.1', path: '/events', headers: { cookie } }, resolve),
    );
    stream.setEncoding('utf8');
    let text = String((await once(stream, 'data'))[0]);
    expect(text).toBe('data: hello ada\n\n');
    stream.on('data', (chunk: string) => {
      text += chunk;
    });
    const ended = once(stream, 'end');
    await client.post('/logout');
    await ended;
    expect(text).toBe('data: hello ada\n\nevent: session-over\ndata: signed-out\n\n');
    expect((await client.get('/events', { cookie })).status).toBe(401);
  });
});
