/** What is decided of a request before its session is looked for: who may have sent it, and how a cookie may travel. */
import type { IncomingMessage } from 'node:http';
import type { Engine } from '../core/engine.js';
import { SessionError } from '../core/errors.js';
import type { Lifetime, RequestFacts } from '../core/handle.js';
import { crossSiteMessage, crossSiteVerdict } from '../http/cross-site.js';
import { requestOrigin } from '../http/host.js';
import { isForwarded, saysForwardedHttps, type Transport, transportOf } from '../http/transport.js';
import type { HttpConfig } from './options.js';
import { addressOf, authority, publicHost, targetOf } from './request-facts.js';

/** The 403 that the cross-site gate has for this request, if any; an upgrade is judged although it is a GET. */
export function refuseCrossSite(
  engine: Engine,
  policy: NonNullable<HttpConfig['crossSite']>,
  req: IncomingMessage,
  encrypted: boolean,
  upgrade = false,
): SessionError | undefined {
  const method = req.method ?? 'GET';
  if (!upgrade && (method === 'GET' || method === 'HEAD' || method === 'OPTIONS')) return undefined;
  const fetchSite = req.headers['sec-fetch-site'];
  const input = {
    method,
    url: targetOf(req),
    fetchSite: Array.isArray(fetchSite) ? fetchSite.join(',') : fetchSite,
    origin: req.headers.origin,
    ownOrigin: requestOrigin(encrypted, publicHost(req)),
    upgrade,
  };
  const verdict = crossSiteVerdict(input, policy);
  const { reason } = verdict;
  if (verdict.allowed) {
    if (verdict.unverified) engine.events.emit({ type: 'cross-site-unverified', reason, method });
    return undefined;
  }
  if (policy.mode === 'report') {
    engine.events.emit({ type: 'cross-site-reported', reason, method }, { facts: factsOf(req, undefined, undefined) });
    return undefined;
  }
  engine.events.emit({ type: 'cross-site-refused', reason, method }, { facts: factsOf(req, undefined, undefined) });
  return new SessionError('ERR_SESSION_CROSS_SITE', crossSiteMessage(verdict.reason, input));
}

/** Whether a session cookie can travel with this request, and under which name. */
export function transportFor(req: IncomingMessage, http: HttpConfig, encrypted: boolean): Transport {
  const { headers, socket } = req;
  return transportOf({
    encrypted,
    host: headers.host ?? authority(req),
    peerAddress: socket.remoteAddress,
    localPort: socket.localPort,
    forwarded: !encrypted && isForwarded(headers),
    forwardedHttps: !encrypted && saysForwardedHttps(headers),
    production: http.production,
    insecureHttp: http.insecureHttp,
    baseName: http.baseName,
    underTest: http.underTest,
  });
}

/** `tag`: see `RequestFacts`; only safe requests are ever answered from memory. */
export function factsOf(
  req: IncomingMessage,
  withheld: string | undefined,
  tag: string | undefined,
  secure?: boolean,
  lifetime?: (req: IncomingMessage) => Lifetime,
): RequestFacts {
  const { method } = req;
  const safe = method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
  return new Facts(req, safe, withheld, tag, secure, lifetime);
}

/** As of an unsafe request: what is opened for it comes from the store and from nowhere else. */
export const factsOfUpgrade = (req: IncomingMessage, withheld: string): RequestFacts => new Facts(req, false, withheld);

/** User agent and address are asked for when a session begins, which most requests don't. */
class Facts implements RequestFacts {
  readonly #req: IncomingMessage;
  readonly safe: boolean;
  readonly withheld: string | undefined;
  readonly tag: string | undefined;
  readonly secure: boolean | undefined;
  #ask: ((req: IncomingMessage) => Lifetime) | undefined;
  #lifetime: Lifetime | undefined;

  constructor(
    req: IncomingMessage,
    safe: boolean,
    withheld: string | undefined,
    tag?: string,
    secure?: boolean,
    lifetime?: (req: IncomingMessage) => Lifetime,
  ) {
    this.#req = req;
    this.safe = safe;
    this.withheld = withheld;
    this.tag = tag;
    this.secure = secure;
    this.#ask = lifetime;
  }

  get lifetime(): Lifetime | undefined {
    if (this.#ask) this.#lifetime = this.#ask(this.#req);
    this.#ask = undefined;
    return this.#lifetime;
  }

  get userAgent(): string | undefined {
    return this.#req.headers['user-agent'];
  }

  get address(): string | undefined {
    return addressOf(this.#req);
  }
}
