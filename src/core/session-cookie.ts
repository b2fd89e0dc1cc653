/**
 * `req.session.cookie`, as code written for express-session reads and sets it. Its `maxAge` is this session's own idle
 * limit, kept in the record and enforced from there, within what is configured (G8); and with it the cookie outlives the
 * browser. What a guarantee rests on can be read, and set to nothing else.
 */
import { formatDuration } from './duration.js';
import { describe, wrongArgument } from './errors.js';
import type { Lifetime, SessionHandle } from './handle.js';
import type { EngineConfig } from './options.js';
import { deadlinesOf, idleMsOf } from './policy.js';
import type { RecordHeader } from './record.js';
import { requireUsable } from './refusals.js';

const fixed = {
  path: '/',
  httpOnly: true,
  sameSite: 'lax',
  secure: true,
  domain: undefined,
  priority: undefined,
  partitioned: undefined,
};

export class SessionCookie {
  declare readonly path: '/';
  declare readonly httpOnly: true;
  declare readonly sameSite: 'lax';
  /** Over https; on the developer's own machine there is a cookie without it. */
  declare readonly secure: boolean;
  declare readonly domain: undefined;
  declare readonly priority: undefined;
  declare readonly partitioned: undefined;
  readonly #config: EngineConfig;
  readonly #handle: SessionHandle;

  /** @internal */
  constructor(config: EngineConfig, handle: SessionHandle) {
    this.#config = config;
    this.#handle = handle;
    // A typo must not pass for a setting.
    Object.freeze(this);
  }

  /**
   * Milliseconds until the session ends if nobody uses it any more; null if its cookie ends with the browser. Setting a
   * number makes that this session's idle limit, and the cookie outlive the browser; null, false or undefined takes both
   * back; 0 or less ends the session with this response.
   * @throws SessionError `ERR_SESSION_ARGUMENT` for more than the configured `idle`, or what is no number.
   */
  get maxAge(): number | null {
    if (!this.#lifetime.persistent) return null;
    const idleMs = idleMsOf({ ...this.#header, ...this.#lifetime }, this.#config);
    return Math.min(idleMs, this.#endsAt - this.#now);
  }

  set maxAge(value: number | null | undefined | false) {
    this.#set('maxAge', value);
  }

  /** The idle limit that `maxAge` counts down from; null if the cookie ends with the browser. Set as `maxAge`. */
  get originalMaxAge(): number | null {
    return this.#lifetime.persistent ? idleMsOf({ ...this.#header, ...this.#lifetime }, this.#config) : null;
  }

  set originalMaxAge(value: number | null | undefined | false) {
    this.#set('originalMaxAge', value);
  }

  /** `maxAge` as a moment. Set as `maxAge`. */
  get expires(): Date | null {
    const { maxAge } = this;
    return maxAge === null ? null : new Date(this.#now + maxAge);
  }

  set expires(value: Date | null | undefined | false) {
    this.#set('expires', value instanceof Date ? value.getTime() - this.#now : value && String(value));
  }

  /** As express-session's cookies are written into JSON. */
  toJSON(): object {
    const { originalMaxAge, expires, secure, httpOnly, path, sameSite } = this;
    return { originalMaxAge, expires, secure, httpOnly, path, sameSite };
  }

  get #now(): number {
    return this.#config.clock.now();
  }

  get #lifetime(): Lifetime {
    const { lifetime, stored, facts } = this.#handle;
    return lifetime ?? stored?.header ?? facts.lifetime ?? this.#config;
  }

  /** What is stored, or of a session that is not, what would be. */
  get #header(): Pick<RecordHeader, 'idleMs' | 'ownIdle'> {
    return { idleMs: (this.#handle.stored?.header ?? this.#config).idleMs, ownIdle: false };
  }

  get #endsAt(): number {
    const { stored } = this.#handle;
    if (!stored) return this.#now + this.#config.absoluteMs;
    return deadlinesOf(stored.header, stored.idleDeadline, this.#config).endsAt;
  }

  #set(name: string, value: unknown): void {
    const handle = this.#handle;
    requireUsable(handle);
    const mostMs = idleMsOf(this.#header, this.#config);
    const none = value === null || value === undefined || value === false;
    const ms = typeof value === 'number' ? Math.ceil(value) : Number.NaN;
    if (!none && !(ms <= mostMs)) {
      throw wrongArgument(
        `req.session.cookie.${name}`,
        `at most ${formatDuration(mostMs)}, since one session can only be shorter than what is configured, or null`,
        value,
        'For longer ones raise idle (and absolute), and shorten the others here.',
      );
    }
    handle.endsByCookie = !none && ms <= 0;
    if (handle.endsByCookie) return;
    // Left out only where the record says the same: more may be configured again one day.
    handle.lifetime = { persistent: !none, ...(none || ms === this.#header.idleMs ? {} : { maxAgeMs: ms }) };
  }

  static {
    for (const [name, value] of Object.entries(fixed)) {
      Object.defineProperty(SessionCookie.prototype, name, {
        get(this: SessionCookie) {
          return name === 'secure' ? this.#handle.facts.secure === true : value;
        },
        set(this: SessionCookie, wanted: unknown) {
          const now: unknown = Reflect.get(this, name);
          if (wanted === now) return;
          throw wrongArgument(
            `req.session.cookie.${name}`,
            `${describe(now)}, since a guarantee rests on it`,
            wanted,
            'Leave it out.',
          );
        },
      });
    }
  }
}
