/**
 * What an upgrade request (WebSocket, RFC 6455) needs that a response gives to others: an answer on the raw socket, and
 * an end that the client can't put off.
 */
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '../core/clock.js';

/** Close code of a WebSocket whose session is over: 4000 to 4999 are the application's (RFC 6455 section 7.4.2). */
export const sessionOverCode = 4401;

/** The session goes on, but no longer as well as the socket asked: what was unlocked has closed, or the proof is old. */
export const stepUpCode = 4403;

/** Why a connection ends: with its session, or with what it was opened for. */
export interface SessionEnd {
  readonly code: typeof sessionOverCode | typeof stepUpCode;
  /**
   * `expired`, `signed-out`, `revoked`, `replaced` or another word of `info.endedReason`; with 4403 `step-up-required`.
   * Fits into a close frame and holds no secret.
   */
  readonly reason: string;
}

/** What is needed of a WebSocket; those of the `ws` package have it. */
export interface WebSocketPort {
  readonly readyState: number;
  close(code: number, reason: string): void;
  terminate(): void;
  once(event: 'close', listener: () => void): unknown;
  removeAllListeners(event: 'message'): unknown;
}

/** A client that does not answer the close frame is cut off after so long. */
const farewellMs = 1_000;

/**
 * Ends a WebSocket: the close frame goes out, nothing that comes in afterwards reaches the app, and a client that goes
 * on all the same is cut off a second later. (`ws` alone would hand over its messages for another 30 s.)
 */
export function closeWebSocket(ws: WebSocketPort, { code, reason }: SessionEnd, clock: Clock): void {
  ws.removeAllListeners('message');
  ws.close(code, reason);
  ws.once(
    'close',
    clock.after(farewellMs, () => ws.terminate()),
  );
}

/** Answers an upgrade request with an error and ends the connection. Says the code only: messages are for the developer. */
export function refuseOnSocket(socket: Duplex, status: number, code: string): void {
  if (socket.destroyed) return;
  // An error of a connection that is given up must not end the process.
  socket.on('error', () => {});
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}`,
    'Connection: close',
    'Cache-Control: no-store',
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(code)}`,
  ].join('\r\n');
  socket.end(`${head}\r\n\r\n${code}`, () => socket.destroy());
}
