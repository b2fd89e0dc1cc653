/**
 * express-session's options: what still means something is taken, what holds anyway passes, and what would break a
 * guarantee is refused with the reason. Nothing is taken in silence that does not do what it says.
 */
import type { IncomingMessage } from 'node:http';
import { atOnce } from '../../core/arguments.js';
import { formatDuration } from '../../core/duration.js';
import { describe, type SessionError, wrongOption } from '../../core/errors.js';
import type { Lifetime } from '../../core/handle.js';
import { isPromise } from '../../core/maybe-promise.js';
import { oneOf, takeOptions } from '../../core/options.js';

export interface CookieOptions {
  /**
   * Milliseconds: the session ends when it was not used for so long, and its cookie outlives the browser. Says the same as
   * `idle` with `persistent: true`, and stands instead of them. Default: as those say.
   */
  readonly maxAge?: number | null | undefined;
  /** No date: it would pass. */
  readonly expires?: null | false | undefined;
  /** These six may say what holds anyway (RFC 6265bis, section 4.1.3.2: `__Host-`); anything else is refused with the reason. */
  readonly path?: '/' | undefined;
  readonly httpOnly?: true | undefined;
  /** `false` only outside production; over https the cookie is Secure in any case. */
  readonly secure?: boolean | 'auto' | undefined;
  readonly sameSite?: 'lax' | undefined;
  readonly domain?: undefined;
  readonly priority?: undefined;
  readonly partitioned?: false | undefined;
}

/** Options of express-session. docs/migrating/from-express-session.md has what each means here. */
export interface FamiliarOptions {
  /** As in express-session. A function is asked when a session begins; its `maxAge` may be at most `idle`. */
  readonly cookie?: CookieOptions | ((req: IncomingMessage) => CookieOptions) | undefined;
  /**
   * What `req.session = null`, or `delete req.session`, means: `'keep'` leaves the session as it was, `'destroy'` ends it
   * with the response. Default `'keep'`.
   */
  readonly unset?: 'keep' | 'destroy' | undefined;
  /** What holds anyway may be said: unchanged sessions are not written. `true` is refused (G1). */
  readonly resave?: false | undefined;
  /** The same: nothing is stored without data. `true` is refused (G9). */
  readonly saveUninitialized?: false | undefined;
  /** The same: use counts on the server. `true` is refused (G4). */
  readonly rolling?: false | undefined;
  /** Refused (G3): ids are made here. */
  readonly genid?: undefined;
  /** Refused: Express's `trust proxy` counts. */
  readonly proxy?: undefined;
}

export interface Familiar {
  readonly unset: 'keep' | 'destroy';
  /** How long a session lives that begins with this request. */
  readonly lifetime: ((req: IncomingMessage) => Lifetime) | undefined;
}

type Rule = readonly [allowed: readonly unknown[], why: string];

const rules: Record<string, Rule> = {
  resave: [[false], 'It would write old data over new (G1); use counts without it.'],
  saveUninitialized: [[false], 'A session begins with its first data, so that strangers cost nothing (G9).'],
  rolling: [[false], 'Use counts without it; a cookie on every response would overwrite newer ones (G4).'],
  genid: [[], 'An id that others choose can be known (G3).'],
  proxy: [[], "Express's own setting counts: app.set('trust proxy', 1)."],
};

const cookieRules: Record<string, Rule> = {
  expires: [[false], 'A date passes: write maxAge.'],
  path: [['/'], 'The prefix __Host- asks for it.'],
  httpOnly: [[true], 'A script that reads the cookie has the session (G11).'],
  secure: [[true, 'auto'], 'It travels over https only (G11).'],
  sameSite: [['lax'], 'It keeps other sites out and people who follow a link signed in.'],
  domain: [[], 'Sibling domains could plant a session (G3).'],
  priority: [[], 'It is not sent.'],
  partitioned: [[false], 'It is not sent.'],
};

export const familiarNames = ['cookie', 'unset', ...Object.keys(rules)];

/** The object form of `cookie`, checked: its `maxAge`, which stands for `idle` and `persistent`. */
export function maxAgeOf(
  options: FamiliarOptions & { readonly idle?: unknown; readonly persistent?: unknown },
  production: boolean,
): number | undefined {
  const { cookie = {} } = options;
  if (typeof cookie === 'function') return undefined;
  const maxAgeMs = checkedMaxAge(cookie, 'cookie', production);
  for (const name of maxAgeMs === undefined ? [] : (['idle', 'persistent'] as const)) {
    if (options[name] !== undefined && options[name] !== true) {
      throw refused('cookie.maxAge', `nothing beside ${name}`, maxAgeMs, `It says both idle and persistent: keep one.`);
    }
  }
  return maxAgeMs;
}

export function familiarOf(options: FamiliarOptions, idleMs: number, production: boolean): Familiar {
  check(options as Record<string, unknown>, rules, '');
  const { cookie, unset } = options;
  const lifetime = (req: IncomingMessage): Lifetime => {
    const answer = (cookie as (req: IncomingMessage) => CookieOptions)(req);
    const given = atOnce(answer, 'cookie()', 'Do the waiting in a middleware before it.');
    const maxAgeMs = checkedMaxAge(given, 'cookie()', production);
    if (maxAgeMs === undefined) return { persistent: false };
    if (maxAgeMs <= idleMs) return { persistent: true, maxAgeMs };
    throw refused(
      'cookie() maxAge',
      `at most idle (${formatDuration(idleMs)})`,
      maxAgeMs,
      'Raise idle (and absolute).',
    );
  };
  return {
    unset: oneOf<'keep' | 'destroy'>(unset ?? 'keep', 'unset', ['keep', 'destroy']),
    lifetime: typeof cookie === 'function' ? lifetime : undefined,
  };
}

function checkedMaxAge(given: CookieOptions, what: string, production: boolean): number | undefined {
  const cookie = takeOptions<Record<string, unknown>>(
    withoutNull(given),
    ['maxAge', ...Object.keys(cookieRules)],
    what,
  );
  // Said of the developer's own machine, where there is no https, it is true.
  if (cookie.secure === false && !production) delete cookie.secure;
  check(cookie, cookieRules, `${what}.`);
  const { maxAge } = cookie;
  if (maxAge === undefined) return undefined;
  if (typeof maxAge === 'number' && maxAge >= 1 && maxAge < 1e12) return Math.ceil(maxAge);
  throw refused(`${what}.maxAge`, 'a number of milliseconds', maxAge, "An hour is 3600000, or idle: '1h'.");
}

/** What express-session takes for "none". */
const withoutNull = (given: unknown): unknown =>
  typeof given === 'object' && given !== null && !Array.isArray(given) && !isPromise(given)
    ? Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null))
    : given;

function check(options: Record<string, unknown>, rules: Record<string, Rule>, prefix: string): void {
  for (const [name, [allowed, why]] of Object.entries(rules)) {
    const value = options[name];
    if (value === undefined || allowed.includes(value)) continue;
    throw refused(
      prefix + name,
      allowed.length === 0 ? 'nothing' : allowed.map(describe).join(' or '),
      value,
      `${why} Leave it out.`,
    );
  }
}

const refused = (option: string, expected: string, got: unknown, why: string): SessionError =>
  wrongOption(option, expected, got, why);
