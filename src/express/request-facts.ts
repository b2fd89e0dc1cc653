/** What holdfast reads from a request, in Express 4 and 5 alike and in plain Node: behind a proxy only as far as the app trusts it. */
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { wrongArgument } from '../core/errors.js';

/** The parts of an Express request that plain Node does not have. */
interface ExpressParts {
  readonly app?: { get?(name: string): unknown; lazyrouter?: unknown };
  readonly originalUrl?: string;
  readonly secure?: boolean;
  readonly ip?: string;
}

/** What is needed of an Express app for requests that do not pass it. */
export interface ExpressApp {
  /** The prototype of the app's requests, which knows `trust proxy`. */
  readonly request: object;
}

/** A request that came past the app, an upgrade say, as the app would see it: `secure` and `ip` follow its `trust proxy`. */
export function throughApp(app: ExpressApp, req: IncomingMessage): IncomingMessage {
  const { method, url, headers, socket } = req;
  const request: unknown = (app as Partial<ExpressApp> | null)?.request;
  if (typeof request !== 'object' || request === null) {
    throw wrongArgument('app', 'the Express app', app);
  }
  return Object.create(request, {
    method: { value: method },
    url: { value: url },
    headers: { value: headers },
    socket: { value: socket },
    // Express 4 asks for the socket by its older name.
    connection: { value: socket },
  });
}

const partsOf = (req: IncomingMessage): ExpressParts => req as ExpressParts;

/** TLS by this process or, with `trust proxy`, by the proxy in front. */
export function isEncrypted(req: IncomingMessage): boolean {
  return (req.socket as Partial<TLSSocket>).encrypted === true || partsOf(req).secure === true;
}

/** The host that the browser asked for: the forwarded one only where Express trusts the peer. */
export function publicHost(req: IncomingMessage): string | undefined {
  const own = req.headers.host ?? authority(req);
  const forwarded = req.headers['x-forwarded-host'];
  if (forwarded === undefined || !trustsPeer(req)) return own;
  const first = String(forwarded).split(',', 1)[0]?.trim();
  return first === undefined || first === '' ? own : first;
}

/** HTTP/2's `:authority`, which stands in for Host. */
export function authority(req: IncomingMessage): string | undefined {
  const value = (req.headers as Record<string, unknown>)[':authority'];
  return typeof value === 'string' ? value : undefined;
}

function trustsPeer(req: IncomingMessage): boolean {
  const trust = partsOf(req).app?.get?.('trust proxy fn');
  return typeof trust === 'function' && trust(req.socket.remoteAddress, 0) === true;
}

export function addressOf(req: IncomingMessage): string | undefined {
  return partsOf(req).ip ?? req.socket.remoteAddress;
}

export function targetOf(req: IncomingMessage): string {
  return partsOf(req).originalUrl ?? req.url ?? '/';
}

/** Express 4's router has this method, Express 5's does not. */
export function isExpress4(req: IncomingMessage): boolean {
  return typeof partsOf(req).app?.lazyrouter === 'function';
}

/** A browser goes to a page, by a link or by sending a form. */
export function navigates({ headers }: IncomingMessage): boolean {
  const mode = headers['sec-fetch-mode'];
  // Browsers before 2020 (Safari before 2023) do not send the mode.
  return mode === undefined ? acceptsHtml(headers.accept) : mode === 'navigate';
}

/** A script asked, or a program that wants JSON: it can read problem details, and shows no page. */
export function scripted({ headers }: IncomingMessage): boolean {
  if (headers['sec-fetch-dest'] === 'empty' || headers['x-requested-with'] !== undefined) return true;
  return /\bapplication\/(?:[\w.-]+\+)?json\b/i.test(headers.accept ?? '') && !acceptsHtml(headers.accept);
}

const acceptsHtml = (accept: string | undefined): boolean => /\btext\/html\b/i.test(accept ?? '');
