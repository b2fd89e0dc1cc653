/** Real servers and raw clients: what a handler answers with and without the gate, byte by byte. */
import { readFileSync } from 'node:fs';
import {
  createServer as createHttp,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { type ClientHttp2Session, connect as connectHttp2, constants, createSecureServer } from 'node:http2';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type GateHooks, installGate } from '../../src/http/gate.js';

const fixture = (name: string): Buffer => readFileSync(new URL(`fixtures/${name}`, import.meta.url));
const tls = { key: fixture('localhost.key'), cert: fixture('localhost.crt') };

export type Protocol = 'http' | 'https' | 'http2';

export interface Running {
  readonly port: number;
  readonly server: Server;
  close(): Promise<void>;
}

export async function serve(protocol: Protocol, listener: RequestListener): Promise<Running> {
  const server: Server =
    protocol === 'http'
      ? createHttp(listener)
      : protocol === 'https'
        ? createHttps(tls, listener)
        : // The compatibility layer hands out objects of the same shape; the types do not say so.
          (createSecureServer({ ...tls, allowHTTP1: true }, listener as never) as unknown as Server);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    port: (server.address() as AddressInfo).port,
    server,
    async close() {
      server.closeAllConnections?.();
      await new Promise((closed) => server.close(closed));
    },
  };
}

export interface Deferred {
  readonly promise: Promise<void>;
  resolve(): void;
  reject(error: unknown): void;
}

export function deferred(): Deferred {
  let resolve = (): void => {};
  let reject = (_error: unknown): void => {};
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  promise.catch(() => {});
  return { promise, resolve, reject };
}

/** Several turns of the event loop, sockets included: enough for anything that is not waiting for something. */
export async function turns(count = 20): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((next) => setImmediate(next));
}

export async function until(happened: () => boolean): Promise<void> {
  while (!happened()) await new Promise((next) => setImmediate(next));
}

/** A request over a socket of its own; `received` grows as bytes arrive, `closed` gives them all. */
export interface RawRequest {
  readonly socket: Socket;
  received(): string;
  readonly closed: Promise<string>;
}

export function rawRequest(protocol: 'http' | 'https', port: number, bytes: string): RawRequest {
  const socket =
    protocol === 'http'
      ? connectTcp(port, '127.0.0.1')
      : connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] });
  const chunks: Buffer[] = [];
  let reset = '';
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', (error: NodeJS.ErrnoException) => {
    reset = `<${error.code}>`;
  });
  const received = (): string => Buffer.concat(chunks).toString('latin1');
  const closed = new Promise<string>((done) => socket.on('close', () => done(received() + reset)));
  socket.write(bytes, 'latin1');
  return { socket, received, closed };
}

export const get = (path = '/', method = 'GET', headers = ''): string =>
  `${method} ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}Connection: close\r\n\r\n`;

/** The bytes of an answer without what a clock puts in. */
export const timeless = (answer: string): string => answer.replace(/^date: .*\r\n/im, 'Date: *\r\n');

export interface Http2Answer {
  readonly headers: Record<string, unknown>;
  readonly body: string;
  readonly rst: number;
  readonly ended: boolean;
}

export interface Http2Request {
  readonly session: ClientHttp2Session;
  headed(): boolean;
  readonly closed: Promise<Http2Answer>;
}

export function http2Request(port: number, method = 'GET', path = '/'): Http2Request {
  const session = connectHttp2(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
  const stream = session.request({ ':method': method, ':path': path });
  const chunks: Buffer[] = [];
  let headers: Record<string, unknown> = {};
  let headed = false;
  let ended = false;
  stream.on('response', (got) => {
    headed = true;
    headers = { ...got };
    delete headers.date;
  });
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('end', () => {
    ended = !stream.aborted;
  });
  stream.on('error', () => {});
  session.on('error', () => {});
  const closed = new Promise<Http2Answer>((done) =>
    stream.on('close', () => {
      session.close();
      done({
        headers,
        body: Buffer.concat(chunks).toString('latin1'),
        rst: stream.rstCode ?? constants.NGHTTP2_NO_ERROR,
        ended,
      });
    }),
  );
  stream.end();
  return { session, headed: () => headed, closed };
}

/** Everything that the hooks were told, in order. */
export class Log implements GateHooks {
  readonly events: string[] = [];
  readonly #commit: (when: 'head' | 'end') => void | Promise<void>;
  readonly #onFailed: (error: unknown) => void;

  constructor(
    commit: (when: 'head' | 'end') => void | Promise<void> = () => undefined,
    onFailed: (error: unknown) => void = () => undefined,
  ) {
    this.#commit = commit;
    this.#onFailed = onFailed;
  }

  beforeHead(): void | Promise<void> {
    this.events.push('head');
    return this.#commit('head');
  }

  beforeEnd(): void | Promise<void> {
    this.events.push('end');
    return this.#commit('end');
  }

  failed(error: unknown): void {
    this.events.push('failed');
    this.#onFailed(error);
  }

  cut(): void {
    this.events.push('cut');
  }

  aborted(): void {
    this.events.push('aborted');
  }

  done(): void {
    this.events.push('done');
  }
}

export type Handler = (req: IncomingMessage, res: ServerResponse) => unknown;

/** A plain handler behind a gate. */
export function gated(handler: Handler, log: (res: ServerResponse) => GateHooks): RequestListener {
  return (req, res) => {
    installGate(res, log(res));
    handler(req, res);
  };
}
