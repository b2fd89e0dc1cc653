/** `sessions.upgrade(req)`: the session of a WebSocket handshake, which no middleware sees, and its life afterwards. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { optionError, SessionError, type SessionErrorCode } from '../core/errors.js';
import type { SessionHandle } from '../core/handle.js';
import { flag, takeOptions } from '../core/options.js';
import { endedError } from '../core/refusals.js';
import type { Session } from '../core/session.js';
import { cookieValues } from '../http/cookie.js';
import type { Transport } from '../http/transport.js';
import {
  closeWebSocket,
  refuseOnSocket,
  type SessionEnd,
  sessionOverCode,
  stepUpCode,
  type WebSocketPort,
} from '../http/upgrade.js';
import { factsOfUpgrade, refuseCrossSite, transportFor } from './arrival.js';
import { type Demands, demandsOf, refusalOf, requirementNames, type SignInRequirements, wordOf } from './demands.js';
import { whenOver } from './handshake-life.js';
import { Lapse, lapseAt } from './lapse.js';
import type { HttpConfig } from './options.js';
import { type ExpressApp, isEncrypted, throughApp } from './request-facts.js';
import type { House } from './visit.js';

/** `aal`, `freshWithin` and `scope` as `require()` takes them, and for as long as the socket is open. */
export interface UpgradeOptions extends SignInRequirements {
  /**
   * The Express app: its `trust proxy` then holds for upgrades too, which pass none of its middleware. Needed behind a
   * proxy that ends TLS. Default: the connection itself is all that counts.
   */
  readonly app?: ExpressApp | undefined;
  /** Lets in those who are not signed in too, so it goes with no requirement. Default `false`: they are refused with 401. */
  readonly anonymous?: boolean | undefined;
}

export interface AcceptedUpgrade {
  readonly accepted: true;
  /**
   * The session as it was at the handshake; `reload()` looks again, `update()` changes it. It can't be given a new
   * token here: sign-in is for requests. `touch()` moves the idle deadline at once, at most every `touchEvery`.
   */
  readonly session: Session;
  /**
   * Aborts when the session ends, expires or is revoked, by whomever, until the connection has closed, as
   * `session.info.signal` does; and when what was asked for with `freshWithin` or `scope` has run out. Where the request
   * was no upgrade (long polling) it aborts until the response is over; what lives longer is told through `onEnd`.
   */
  readonly signal: AbortSignal;
  /**
   * Closes the WebSocket with 4401 and the reason when the session is over, with 4403 and `step-up-required` when what was
   * asked for has run out; what arrives after that reaches no listener.
   */
  bind(ws: WebSocketPort): void;
  /** Calls `tell` once when `signal` aborts, at once if it has. Call the answer when the connection has closed. */
  onEnd(tell: (end: SessionEnd) => void): () => void;
}

export interface RefusedUpgrade {
  readonly accepted: false;
  /** 403 from another site or without the scope, 401 when nobody is signed in or not well enough, 503 when the store can't say, 500 when no cookie can travel. */
  readonly status: number;
  readonly code: SessionErrorCode;
  /** With the remedy: for the log, not for the client. */
  readonly error: SessionError;
  /** Answers on the raw socket with the status and the code, and closes it. */
  answer(socket: Duplex): void;
}

export type Upgrade = AcceptedUpgrade | RefusedUpgrade;

export async function openUpgrade(
  house: House,
  http: HttpConfig,
  req: IncomingMessage,
  given: UpgradeOptions = {},
): Promise<Upgrade> {
  const options = takeOptions<UpgradeOptions>(given, ['app', 'anonymous', ...requirementNames], 'upgrade()');
  const anonymous = flag(options.anonymous ?? false, 'upgrade() anonymous');
  const demands = demandsOf(options, 'upgrade()');
  const asks = requirementNames.find((name) => options[name] !== undefined);
  if (anonymous && asks !== undefined)
    throw optionError(
      `upgrade() anonymous: expected false with ${asks}, which those who are not signed in can't meet.`,
    );
  const { engine } = house;
  const asked = options.app === undefined ? req : throughApp(options.app, req);
  const encrypted = isEncrypted(asked);
  const foreign = http.crossSite && refuseCrossSite(engine, http.crossSite, asked, encrypted, true);
  if (foreign) return refused(foreign);
  const transport = transportFor(asked, http, encrypted);
  const values = transport.usable ? cookieValues(req.headers.cookie, transport.cookieName) : [];
  // Nobody else listens for errors of the raw socket yet: a client that resets it now would end the process.
  req.socket.on('error', ignore);
  const handle = await house.open(
    values,
    factsOfUpgrade(asked, noCookie),
    transport.usable ? req.headers.cookie : undefined,
  );
  req.socket.off('error', ignore);
  if (handle.error) return refused(handle.error);
  if (!anonymous) {
    const error = refusalFor(house, handle, transport, demands, options.app !== undefined);
    if (error) return refused(error);
  }
  engine.detach(handle);
  return accepted(house, handle, req, demands);
}

function refusalFor(
  house: House,
  handle: SessionHandle,
  transport: Transport,
  demands: Demands,
  withApp: boolean,
): SessionError | undefined {
  if (!transport.usable) {
    const error = withheld(transport, withApp);
    if (transport.reason === 'tls-proxy-untrusted')
      house.warnOnce(`upgrade-${transport.reason}`, `holdfast: ${error.message}`);
    return error;
  }
  const { engine } = house;
  const error = refusalOf(engine.sessionOf(handle).info, engine.config.clock.now(), demands);
  if (error) reportRefusal(house, handle, error);
  return error;
}

function reportRefusal({ engine }: House, handle: SessionHandle, error: SessionError): void {
  const id = handle.stored?.id;
  engine.events.emit({ type: 'guard-refused', reason: wordOf(error), ...(id === undefined ? {} : { id }) }, handle);
}

function accepted(house: House, handle: SessionHandle, req: IncomingMessage, demands: Demands): AcceptedUpgrade {
  const { engine } = house;
  const { clock } = engine.config;
  const session = engine.sessionOf(handle);
  const lapse = new Lapse(clock, lapseAt(handle.stored?.header, demands), () => {
    const error = refusalOf(session.info, clock.now(), demands) ?? endedError('ended');
    reportRefusal(house, handle, error);
    return error;
  });
  let holders = 0;
  let waitNoMore = () => {};
  const releaseIfFree = () => {
    if (holders > 0) return;
    waitNoMore();
    lapse.rest();
    engine.release(handle);
  };
  lapse.watch();
  waitNoMore = whenOver(req, releaseIfFree);
  const watch = (): AbortSignal => {
    const signal = lapse.joined(session.info.signal);
    // The handshake was not what lives on (long polling): watched again for who asks now.
    if (handle.released && handle.stored) {
      handle.released = false;
      engine.signals.follow(handle, handle.stored.id);
    }
    lapse.watch();
    return signal;
  };
  const onEnd = (tell: (end: SessionEnd) => void): (() => void) => {
    const signal = watch();
    const told = () => tell(endOf(signal));
    holders++;
    if (signal.aborted) told();
    else signal.addEventListener('abort', told, { once: true });
    let over = false;
    return () => {
      if (over) return;
      over = true;
      holders--;
      signal.removeEventListener('abort', told);
      releaseIfFree();
    };
  };
  return {
    accepted: true,
    session,
    get signal() {
      return lapse.joined(session.info.signal);
    },
    bind(ws) {
      // A socket that has closed already tells nobody any more.
      if (ws.readyState === 3) return;
      const letGo = onEnd((end) => closeWebSocket(ws, end, clock));
      ws.once('close', letGo);
    },
    onEnd,
  };
}

function endOf({ reason }: AbortSignal): SessionEnd {
  if (reason instanceof SessionError && reason.code === 'ERR_SESSION_STEP_UP_REQUIRED')
    return { code: stepUpCode, reason: 'step-up-required' };
  return { code: sessionOverCode, reason: (reason instanceof SessionError && reason.reason) || 'ended' };
}

function refused(error: SessionError): RefusedUpgrade {
  const { status, code } = error;
  return { accepted: false, status, code, error, answer: (socket) => refuseOnSocket(socket, status, code) };
}

const noCookie =
  'A WebSocket handshake can set no cookie: sign in, and begin sessions, with a request, and open the socket afterwards.';

function withheld(transport: Extract<Transport, { usable: false }>, withApp: boolean): SessionError {
  const remedy =
    transport.reason === 'tls-proxy-untrusted' && !withApp
      ? 'An upgrade passes no middleware, so the app has to be named: sessions.upgrade(req, { app }).'
      : transport.remedy;
  return new SessionError('ERR_SESSION_COOKIE_WITHHELD', `No session cookie is read on this upgrade. ${remedy}`);
}

const ignore = () => {};
