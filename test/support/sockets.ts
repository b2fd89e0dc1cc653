/** WebSockets in front of a test's app, as docs/guides/sockets.md opens them, and clients for them. */
import { once } from 'node:events';
import type { IncomingMessage, Server } from 'node:http';
import { onTestFinished } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import type { AcceptedUpgrade, Sessions, Upgrade, UpgradeOptions } from '../../src/index.js';

export interface SocketServer {
  /** What `upgrade` said, in order. */
  readonly handshakes: Upgrade[];
  /** What the app heard from its sockets. */
  readonly heard: string[];
  /** Called when a socket has closed, after all that was bound to it has heard. */
  onClose?: () => void;
}

/** Takes the app's upgrades; `touch` as a message is a person at the keyboard. */
export function serveSockets(server: Server, sessions: Sessions, options?: UpgradeOptions): SocketServer {
  const sockets = new WebSocketServer({ noServer: true });
  const served: SocketServer = { handshakes: [], heard: [] };
  const { handshakes, heard } = served;
  server.on('upgrade', (req, socket, head) => {
    void sessions.upgrade(req, options).then((handshake) => {
      handshakes.push(handshake);
      if (!handshake.accepted) return handshake.answer(socket);
      sockets.handleUpgrade(req, socket, head, (ws) => {
        handshake.bind(ws);
        ws.on('error', () => {});
        ws.on('close', () => setImmediate(() => served.onClose?.()));
        ws.on('message', (bytes) => {
          heard.push(String(bytes));
          if (String(bytes) === 'touch') handshake.session.touch();
          ws.send(`${handshake.session.info.owner}: ${bytes}`);
        });
      });
    });
  });
  onTestFinished(() => {
    for (const ws of sockets.clients) ws.terminate();
  });
  return served;
}

export const acceptedOf = ({ handshakes }: SocketServer): AcceptedUpgrade => {
  const last = handshakes.at(-1);
  if (!last?.accepted) throw new Error(`the last upgrade was refused: ${last?.code}`);
  return last;
};

export interface OpenSocket {
  readonly ws: WebSocket;
  /** The code and the reason of the close frame. */
  readonly closed: Promise<string>;
}

/** An open WebSocket; throws `refused <status> <body>` where the server said no. */
export async function openSocket(origin: string, headers: Record<string, string>): Promise<OpenSocket> {
  const ws = new WebSocket(origin.replace(/^http/, 'ws'), { headers });
  onTestFinished(() => ws.terminate());
  const closed = new Promise<string>((resolve) =>
    ws.once('close', (code: number, reason: Buffer) => resolve(`${code} ${reason}`)),
  );
  ws.on('error', () => {});
  const refused = once(ws, 'unexpected-response').then(async (said) => {
    const answer = said[1] as IncomingMessage;
    let body = '';
    for await (const chunk of answer) body += chunk;
    throw new Error(`refused ${answer.statusCode} ${body}`);
  });
  await Promise.race([once(ws, 'open'), refused]);
  return { ws, closed };
}

/** Sends a line and waits for its answer. */
export async function say({ ws }: OpenSocket, line: string): Promise<string> {
  ws.send(line);
  return String((await once(ws, 'message'))[0]);
}
