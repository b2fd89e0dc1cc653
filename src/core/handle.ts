/** What one request holds of a session: a plain state that engine.ts and verbs.ts move, and nobody else. */
import { inspect } from 'node:util';
import type { SessionError } from './errors.js';
import type { SessionId, Version } from './ids.js';
import type { RecordHeader } from './record.js';
import type { Session } from './session.js';

/** What the engine needs to know of a request. */
export interface RequestFacts {
  /** GET, HEAD or OPTIONS (RFC 9110 section 9.2.1). */
  readonly safe: boolean;
  readonly userAgent?: string | undefined;
  readonly address?: string | undefined;
  /** The tag that the browser has from the last response, a few seconds ago, that changed its session; see cache.ts. */
  readonly tag?: string | undefined;
  /** Why this request's response can't carry the cookie, if it can't; then no session begins. */
  readonly withheld?: string | undefined;
  /** The cookie of this request's response travels over TLS only. */
  readonly secure?: boolean | undefined;
  /** How long a session lives that begins in this request; absent: as configured. */
  readonly lifetime?: Lifetime | undefined;
}

/** What express-session's `cookie.maxAge` says: how long a session lives on without use, and whether its cookie outlives the browser. */
export type Lifetime = Pick<RecordHeader, 'persistent' | 'maxAgeMs'>;

/** A stored session, opened. */
export interface Stored {
  readonly id: SessionId;
  readonly version: Version;
  readonly idleDeadline: number;
  readonly header: RecordHeader;
  /** The app's data, encoded: the base of every comparison and merge. */
  readonly data: Uint8Array;
  /** As the store has it: equal bytes open to an equal record. */
  readonly sealed: Uint8Array;
  /** Kept with it while it is remembered: see stored-data.ts. */
  readonly decoded?: Decoded;
}

/** `data` as it was decoded the first time that somebody looked. Never handed out, and never changed. */
export interface Decoded {
  value?: Readonly<Record<string, unknown>>;
}

/**
 * none         no session: the first data that is put in begins one
 * alive        `stored` is there
 * superseded   the session of this request's cookie was ended or replaced by another request: nothing may begin over it
 * ended        ended by this request
 * unavailable  the store could not say: nothing may be read or begun
 */
export type Phase = 'none' | 'alive' | 'superseded' | 'ended' | 'unavailable';

const none: readonly string[] = [];

export class SessionHandle {
  readonly facts: RequestFacts;
  /** When the request came (ms since the epoch): what a sign-in in it started at, unless told otherwise. */
  readonly openedAt: number;
  phase: Phase = 'none';
  stored: Stored | undefined;
  /** The text of the token that opened the session: under it, what is stored is remembered. */
  tokenText: string | undefined;
  /** The random half of the token; with `stored`, always known. */
  secret: Uint8Array | undefined;
  /** A name and secret made before anything is stored, so that `session.id` can be asked for. */
  minted: { readonly id: SessionId; readonly secret: Uint8Array } | undefined;
  /** Made when a handler first looks. */
  session: Session | undefined;
  error: SessionError | undefined;
  endedReason: string | undefined;
  /** There was no stored session when the request came. */
  isNew = true;
  /** What the response must tell the browser. */
  cookie: 'keep' | 'set' | 'clear' = 'keep';
  /** The successor of the current secret, to be offered with the response. */
  offer: Uint8Array | undefined;
  /** The header differs from what is stored (the token was promoted), and can wait until after the response. */
  headerChanged = false;
  /** The session was opened from memory, without asking the store. */
  fromCache = false;
  /** This request has changed the stored session under its id: the browser's next requests must see that everywhere. */
  changed = false;
  /** This request has stored the session itself, so that it needs no touch. */
  wrote = false;
  touchWanted = false;
  /** Nothing that this request does moves the idle deadline, but for `touch()` by name: nobody is at the keyboard for it. */
  background = false;
  /** A connection without a response, such as a WebSocket: it hears of no commit, and its verbs settle on their own. */
  detached = false;
  /** When a detached connection last asked for its idle deadline to be moved. */
  touchedAt = 0;
  /** Verbs that the handler called and that have not settled: the response waits for them. */
  underWay: Set<Promise<unknown>> | undefined;
  /** The last commit or verb of this request that is under way: the next one waits for it. */
  queue: Promise<void> | undefined;
  /** Why a verb failed that nobody awaited: the response fails with it. */
  unheard: unknown;
  /** The person signed out in this request: the browser is asked to forget what the app kept there. */
  signedOut = false;
  /** When this request itself barred the owner's earlier sign-ins (ms). */
  barredAt: number | undefined;
  /** A new token was made in this request, so a change of identity needs no other. */
  replacedHere = false;
  /** What `cookie.maxAge` was set to in this request, until it is stored. */
  lifetime: Lifetime | undefined;
  /** The session ends with the response: `cookie.maxAge` says so. */
  endsByCookie = false;
  /** The session ends with the response: `req.session` was set to null. Apart, so that taking back one leaves the other. */
  endsByUnset = false;
  /** The change was dropped and said to be; not again at the end of the response. */
  dropped = false;
  /** The response's head is out: no cookie can follow. Set by the HTTP layer. */
  headOut = false;
  /** What was refused while looking, in order: for `explain`. */
  readonly refusals: string[] = [];
  /** What else is to be told of, in sentences: for `explain`. */
  readonly notes: string[] = [];
  /** The ids that the request's cookies of express-session name, verified. */
  oldSids: readonly string[] = none;
  /** What they name was let go of in this request. */
  oldGone = false;
  /** The line that takes that cookie away, where this response is to; asked for as its head goes out. */
  oldCookie: ((secure: boolean) => string | undefined) | undefined;
  /** The signal that handlers hold, once asked for. */
  abort: AbortController | undefined;
  /** The response is over, or its client has gone: nothing is watched for it any more. */
  released = false;

  constructor(facts: RequestFacts, openedAt: number) {
    this.facts = facts;
    this.openedAt = openedAt;
  }

  /** Whoever prints a response in depth reaches this, and it holds the secret of the token (G11). */
  [inspect.custom](): string {
    return `SessionHandle <${this.phase}>`;
  }
}

export function idOf(handle: SessionHandle): { id?: SessionId } {
  return handle.stored ? { id: handle.stored.id } : {};
}
