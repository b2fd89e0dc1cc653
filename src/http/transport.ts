import type { IncomingHttpHeaders } from 'node:http';
import { isLoopbackAddress, isLoopbackHost, parseHost } from './host.js';

/** What a request shows of the way it came, and what the app has said about it. */
export interface TransportFacts {
  /** TLS, as the framework sees it: its own socket, or a proxy that it trusts. */
  readonly encrypted: boolean;
  /** The raw `Host` header (`:authority` in HTTP/2), never a forwarded one. */
  readonly host: string | undefined;
  /** The other end of the socket: the proxy, where there is one. */
  readonly peerAddress: string | undefined;
  /** The port of the socket on this side. */
  readonly localPort: number | undefined;
  /** See `isForwarded`. */
  readonly forwarded: boolean;
  /** See `saysForwardedHttps`. */
  readonly forwardedHttps: boolean;
  readonly production: boolean;
  /** The option: plain http on other hosts too, never in production. */
  readonly insecureHttp: boolean;
  /** The base of the cookie's name. Default `'sid'`. */
  readonly baseName?: string;
  /** Under test: over http one name for all ports, because supertest has the app listen on another one for each request. */
  readonly underTest?: boolean;
}

export type TransportRefusal =
  | 'tls-proxy-untrusted'
  | 'http-in-production'
  | 'http-forwarded'
  | 'http-host-not-loopback'
  | 'http-peer-not-loopback'
  | 'http-port-unknown';

export type Transport =
  | { readonly usable: true; readonly cookieName: string; readonly secure: boolean }
  | { readonly usable: false; readonly reason: TransportRefusal; readonly remedy: string };

/**
 * Whether this request may carry a session cookie at all, and under which name.
 *
 * Over TLS: `__Host-Http-<name>`, which neither a sibling subdomain nor a script can plant. Over plain http
 * only on the developer's own machine, under a name of its own for each port, so that a cookie from there
 * never means anything to a deployed app, and two apps on one machine do not take each other's.
 */
export function transportOf(facts: TransportFacts): Transport {
  const { baseName = 'sid' } = facts;
  if (facts.encrypted) return { usable: true, cookieName: `__Host-Http-${baseName}`, secure: true };
  const reason = refusalOf(facts);
  if (reason !== undefined) return { usable: false, reason, remedy: remedies[reason] };
  return { usable: true, cookieName: `${baseName}-${facts.underTest ? 'test' : facts.localPort}`, secure: false };
}

function refusalOf(facts: TransportFacts): TransportRefusal | undefined {
  // Before all else, and whatever insecureHttp says: the site has TLS, and only a setting is missing.
  if (facts.forwardedHttps) return 'tls-proxy-untrusted';
  if (facts.production) return 'http-in-production';
  if (!facts.insecureHttp) {
    // From here on a request must be one that no other machine can have sent or relayed.
    if (facts.forwarded) return 'http-forwarded';
    const host = parseHost(facts.host)?.host;
    if (host === undefined || !isLoopbackHost(host)) return 'http-host-not-loopback';
    if (!isLoopbackAddress(facts.peerAddress)) return 'http-peer-not-loopback';
  }
  return facts.localPort === undefined ? 'http-port-unknown' : undefined;
}

const remedies: Record<TransportRefusal, string> = {
  'tls-proxy-untrusted':
    "A proxy says that it took the request over https, but the app does not trust it: call app.set('trust proxy', 1), with 1 being the number of proxies in front.",
  'http-in-production':
    "In production the session cookie travels over https only: serve https, or end TLS at a proxy that sends X-Forwarded-Proto and call app.set('trust proxy', 1).",
  'http-forwarded':
    'The request came over http through a proxy: let the proxy speak https, or set insecureHttp: true while developing.',
  'http-host-not-loopback':
    'Over http the session cookie works on localhost only: open the app as http://localhost, serve https, or set insecureHttp: true while developing.',
  'http-peer-not-loopback':
    'Over http the session cookie works from this machine only: serve https, or set insecureHttp: true while developing.',
  'http-port-unknown':
    'Over http the cookie is named after the TCP port, and this socket has none: listen on a port, or serve https.',
};

/**
 * Headers that only an intermediary adds. `Via` and `X-Real-IP` are among them because a proxy may send
 * nothing else, and no browser sends either; a false alarm costs a developer one option, a miss would
 * send the cookie over a network in clear.
 */
const forwardingHeaders = [
  'forwarded',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-real-ip',
] as const;

/** Whether anything in the headers says that the request was relayed. */
export function isForwarded(headers: IncomingHttpHeaders): boolean {
  for (const name of forwardingHeaders) if (headers[name] !== undefined) return true;
  return false;
}

/** Whether a relay says that the client spoke https to it (`X-Forwarded-Proto`, or RFC 7239 `Forwarded: proto=`). */
export function saysForwardedHttps(headers: IncomingHttpHeaders): boolean {
  const proto = headers['x-forwarded-proto'];
  // The first entry is the hop next to the client.
  if (proto !== undefined) return /^[ \t]*https[ \t]*(?:,|$)/i.test(String(proto));
  const forwarded = headers.forwarded;
  return forwarded !== undefined && /(?:^|[;, \t])proto="?https(?:[";, \t]|$)/i.test(forwarded);
}
