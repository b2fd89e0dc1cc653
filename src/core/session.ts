/**
 * What a handler holds as `req.session`: the app's data as its own enumerable keys, the verbs on the prototype.
 * Assigning to a taken name throws, so that no data can shadow a verb, and no verb is lost to a careless key.
 *
 * Length: the docstrings of every verb, which an editor shows to whoever calls it.
 */

import { isPlainObject } from './codec.js';
import type { Duration } from './duration.js';
import { argumentError, SessionError } from './errors.js';
import type { SessionHandle } from './handle.js';
import type { SessionId } from './ids.js';
import { sameValue } from './merge.js';
import type { Aal } from './record.js';
import type { SessionCookie } from './session-cookie.js';

export type Data = Record<string, unknown>;

export interface SignInOptions {
  /** Authenticator assurance level reached (NIST SP 800-63B-4). Default 1. */
  readonly aal?: 1 | 2 | 3 | undefined;
  /** How the person authenticated (RFC 8176), such as `['pwd', 'otp']`. Default none. */
  readonly amr?: readonly string[] | undefined;
  /** The cookie outlives the browser. Default as configured. */
  readonly persistent?: boolean | undefined;
  /** An idle limit for this session alone, at most the configured one. Default as configured. */
  readonly idle?: Duration | undefined;
  /** An absolute limit for this session alone, at most the configured one. Default as configured; `'10m'`, also the most, with `pending`. */
  readonly absolute?: Duration | undefined;
  /**
   * Top-level keys that are carried over from before the sign-in; everything else is dropped. Nothing is carried over
   * from a session that `signIn` has made somebody else's; of one that the app made somebody's by an identity field
   * (`userId`, `passport`) what is named is carried over, whoever it was. Default none.
   */
  readonly keep?: readonly string[] | undefined;
  /** When the check of the credentials began (ms since the epoch). Default: when the request came. */
  readonly startedAt?: number | undefined;
  /**
   * The sign-in is not complete: the name of the step that comes next, such as `'mfa'`. The session is then nobody's:
   * `info.owner` is undefined, `info.pending` says who and what, `require()` refuses it, no list, count or limit has
   * it. `signIn` of the same owner without `pending` completes it. Default: complete.
   */
  readonly pending?: string | undefined;
}

export interface ElevateOptions {
  /** What is unlocked, such as `'payments'`; `require({ scope })` asks for the same word. */
  readonly scope: string;
  /** For how long. The session's own end comes first in any case. Default `'5m'`. */
  readonly for?: Duration | undefined;
  readonly startedAt?: number | undefined;
}

export interface ReauthenticateOptions {
  /** Default: the level so far. */
  readonly aal?: 1 | 2 | 3 | undefined;
  /** Default: the methods so far. */
  readonly amr?: readonly string[] | undefined;
  readonly startedAt?: number | undefined;
}

export interface SessionInfo {
  /** Whose session it is; undefined while anonymous. */
  readonly owner: string | undefined;
  /** Authenticator assurance level; 0 while anonymous. */
  readonly aal: Aal;
  readonly amr: readonly string[];
  /** Who has begun to sign in here and which step is next; undefined otherwise. Such a session is nobody's yet. */
  readonly pending: { readonly owner: string; readonly step: string } | undefined;
  /** What `elevate` unlocked and is open now. */
  readonly scopes: readonly string[];
  /** When the first of the open scopes closes; undefined without one. */
  readonly elevatedUntil: Date | undefined;
  /** Nothing was stored for it when the request came. */
  readonly isNew: boolean;
  /** Undefined until it is stored, as are the moments below. */
  readonly createdAt: Date | undefined;
  readonly authenticatedAt: Date | undefined;
  /** The idle deadline: moves with use. */
  readonly expiresAt: Date | undefined;
  /** The absolute deadline. */
  readonly endsAt: Date | undefined;
  /**
   * Data under names that the session itself takes, such as `update`, in a record that another version or express-session
   * wrote; undefined without any. It stays in the record until the app deletes it here.
   */
  readonly legacy: Data | undefined;
  /** Why the session that the request's cookie named is over, if the store still knows. */
  readonly endedReason: string | undefined;
  /** Aborts when the session ends, expires or is revoked, by whomever. Its reason is a SessionError `ERR_SESSION_ENDED`. */
  readonly signal: AbortSignal;
}

/** What a session's verbs do; verbs.ts has them. */
export interface SessionVerbs {
  idOf(handle: SessionHandle): SessionId;
  infoOf(handle: SessionHandle): SessionInfo;
  cookieOf(handle: SessionHandle): SessionCookie;
  signIn(handle: SessionHandle, owner: string | number | bigint, options?: SignInOptions): Promise<void>;
  reauthenticate(handle: SessionHandle, options?: ReauthenticateOptions): Promise<void>;
  elevate(handle: SessionHandle, options: ElevateOptions): Promise<void>;
  credentialChanged(handle: SessionHandle): Promise<void>;
  end(handle: SessionHandle, reason: 'signed-out' | 'destroyed'): Promise<void>;
  update(handle: SessionHandle, change: (data: Data) => void): Promise<void>;
  save(handle: SessionHandle): Promise<void>;
  reload(handle: SessionHandle): Promise<void>;
  regenerate(handle: SessionHandle): Promise<void>;
  touch(handle: SessionHandle): void;
}

export type Callback = (error?: unknown) => void;

export class Session {
  readonly #verbs: SessionVerbs;
  readonly #handle: SessionHandle;

  /** @internal */
  constructor(verbs: SessionVerbs, handle: SessionHandle) {
    this.#verbs = verbs;
    this.#handle = handle;
  }

  /** The public name of the session: safe to print, worth nothing as a credential. Changes at sign-in. */
  get id(): SessionId {
    return this.#verbs.idOf(this.#handle);
  }

  /** What is known of the session besides the app's data. */
  get info(): SessionInfo {
    return this.#verbs.infoOf(this.#handle);
  }

  /** How long the session lives on, as code written for express-session reads and sets it. */
  get cookie(): SessionCookie {
    return this.#verbs.cookieOf(this.#handle);
  }

  /**
   * Signs a person in: a new session with a new token takes the place of this one (ASVS 7.2.4), and of the data only
   * what `keep` names is carried over. Stored when it resolves.
   * With `pending` it is the first step of a sign-in in several, and nobody is signed in by it.
   * @throws SessionError `ERR_SESSION_BARRED` if the person's sessions were revoked after `startedAt`,
   * `ERR_SESSION_LIMIT` if they have as many as `maxPerOwner` allows and it says `'reject'`.
   */
  signIn(owner: string | number | bigint, options?: SignInOptions): Promise<void> {
    return this.#verbs.signIn(this.#handle, owner, options);
  }

  /** The person proved again who they are: new token, both clocks start again, data stays. */
  reauthenticate(options?: ReauthenticateOptions): Promise<void> {
    return this.#verbs.reauthenticate(this.#handle, options);
  }

  /**
   * Unlocks something for a time, once the person has proved again who they are (ASVS 7.5.3): a new token, the data
   * stays, no clock of the session moves. `require({ scope })` asks for it. Stored when it resolves.
   */
  elevate(options: ElevateOptions): Promise<void> {
    return this.#verbs.elevate(this.#handle, options);
  }

  /**
   * The person's password or another factor was changed (ASVS 7.4.3): a new token here, and every other session of
   * theirs ends with the reason `credential-changed`. Call it once the new credential is stored: sign-ins whose check
   * began before it are refused. What `elevate` unlocked is locked again. Needs a store with an owner index.
   */
  credentialChanged(): Promise<void> {
    return this.#verbs.credentialChanged(this.#handle);
  }

  /** Ends the session for good (ASVS 7.4.1) and clears the cookie. It stays empty and frozen for the rest of the request. */
  signOut(): Promise<void> {
    return this.#verbs.end(this.#handle, 'signed-out');
  }

  /**
   * Changes the stored data atomically: `change` gets the newest data and edits it in place. It is synchronous, has no
   * other effects, and may run again if another request wrote first. Stored when it resolves.
   */
  update<Shape = Data>(change: (data: Shape) => void): Promise<void> {
    return this.#verbs.update(this.#handle, change as (data: Data) => void);
  }

  /** Stores now what would be stored with the response. */
  save(): Promise<void>;
  save(callback: Callback): this;
  save(callback?: Callback): Promise<void> | this {
    return this.#settle(this.#verbs.save(this.#handle), callback);
  }

  /** Takes the stored data anew; changes that are not saved are lost. */
  reload(): Promise<void>;
  reload(callback: Callback): this;
  reload(callback?: Callback): Promise<void> | this {
    return this.#settle(this.#verbs.reload(this.#handle), callback);
  }

  /** A new, empty session with a new token in place of this one; `req.session` is another object afterwards. */
  regenerate(): Promise<void>;
  regenerate(callback: Callback): this;
  regenerate(callback?: Callback): Promise<void> | this {
    return this.#settle(this.#verbs.regenerate(this.#handle), callback);
  }

  /** As `signOut()`, with the reason `destroyed`. */
  destroy(): Promise<void>;
  destroy(callback: Callback): this;
  destroy(callback?: Callback): Promise<void> | this {
    return this.#settle(this.#verbs.end(this.#handle, 'destroyed'), callback);
  }

  /** Moves the idle deadline with this response, even if it was moved a moment ago. */
  touch(): this {
    this.#verbs.touch(this.#handle);
    return this;
  }

  /** express-session's other name for `touch()`. */
  resetMaxAge(): this {
    return this.touch();
  }

  /** The callback runs once, on a tick of its own, so that what it throws is never mistaken for a failed verb. */
  #settle(work: Promise<void>, callback: Callback | undefined): Promise<void> | this {
    if (callback === undefined) return work;
    if (typeof callback !== 'function') {
      work.catch(() => {});
      throw argumentError('callback: expected a function or nothing (then a promise is returned).');
    }
    work.then(
      () => process.nextTick(callback),
      (error: unknown) => process.nextTick(callback, error),
    );
    return this;
  }
}

/** Names that the app's data can't use. */
export const reservedNames: ReadonlySet<string> = new Set(
  Object.getOwnPropertyNames(Session.prototype).filter((name) => name !== 'constructor'),
);

for (const name of [...reservedNames, '__proto__']) {
  const found = Object.getOwnPropertyDescriptor(Session.prototype, name);
  const method: unknown = found?.value;
  Object.defineProperty(Session.prototype, name, {
    configurable: false,
    enumerable: false,
    get: found?.get ?? (() => method),
    set() {
      throw new SessionError(
        'ERR_SESSION_NAME_RESERVED',
        `req.session.${name}: the name is taken by the session itself and can't hold data. Choose another name.`,
        { path: name },
      );
    },
  });
}

/** What can't be a key of its session, and the order in which all keys are stored: in another the record would seem changed. */
const legacies = new WeakMap<object, { readonly order: readonly string[]; readonly data: Data }>();

export const legacyOf = (session: object): Data | undefined => legacies.get(session)?.data;

/** All that is to be stored of a session. */
export function dataOf(session: Session): Data {
  const own = session as unknown as Data;
  const legacy = legacies.get(session);
  if (!legacy) return own;
  const all: Data = {};
  for (const key of [...legacy.order, ...Object.keys(own)]) {
    const from = Object.hasOwn(own, key) ? own : legacy.data;
    if (Object.hasOwn(from, key)) all[key] = from[key];
  }
  return all;
}

/**
 * Makes the session's own keys those of `data`. Objects and arrays are changed in place, down to the leaves: a handler
 * that holds `req.session.cart` across a save must not go on writing to an object that nobody stores.
 */
export function fill(session: Session, data: Data): void {
  const target = session as unknown as Data;
  for (const key of Object.keys(target)) {
    if (!Object.hasOwn(data, key)) delete target[key];
  }
  const taken = Object.keys(data).filter((key) => reservedNames.has(key));
  if (taken.length === 0) legacies.delete(session);
  else {
    const kept = Object.fromEntries(taken.map((key) => [key, data[key]]));
    legacies.set(session, { order: Object.keys(data), data: kept });
  }
  const met = new Set<object>();
  for (const [key, value] of Object.entries(data)) {
    if (!reservedNames.has(key) && !becomes(target, key, value, met)) target[key] = value;
  }
}

/**
 * Whether the member has the value now, without being assigned to. An object that the session has under two names
 * becomes what the first is to be; the other gets an object of its own, for in the store they are two.
 */
function becomes(target: Data, key: string, value: unknown, met: Set<object>): boolean {
  if (!Object.hasOwn(target, key)) return false;
  const own = target[key];
  if (sameValue(own, value)) {
    meet(own, met);
    return true;
  }
  if (typeof own !== 'object' || own === null || met.has(own) || !Object.isExtensible(own)) return false;
  met.add(own);
  if (Array.isArray(own) && Array.isArray(value)) {
    // No spread: 200,000 items as arguments overflow the stack.
    own.length = value.length;
    for (let i = 0; i < value.length; i++) own[i] = value[i];
    return true;
  }
  if (!isPlainObject(own) || !isPlainObject(value)) return false;
  for (const name of Object.keys(own)) {
    if (!Object.hasOwn(value, name)) delete own[name];
  }
  for (const [name, member] of Object.entries(value)) {
    if (becomes(own, name, member, met)) continue;
    // Not an assignment: a key such as `__proto__` is a key and no prototype.
    Object.defineProperty(own, name, { value: member, writable: true, enumerable: true, configurable: true });
  }
  return true;
}

/** Nothing in it may change any more. Its values are the codec's, so this ends. */
function meet(value: unknown, met: Set<object>): void {
  if (typeof value !== 'object' || value === null || met.has(value)) return;
  met.add(value);
  if (Array.isArray(value) || isPlainObject(value)) for (const member of Object.values(value)) meet(member, met);
}
