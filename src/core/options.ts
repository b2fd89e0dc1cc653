/**
 * Options: copied once onto an object without a prototype (so that a polluted Object.prototype sets nothing), checked
 * by name, and resolved to plain numbers before the first request.
 *
 * Length: every option of the engine, its meaning, default and check, in one place where they can't drift apart.
 */
import type { AuditSink } from './audit.js';
import { type Clock, systemClock } from './clock.js';
import { type Duration, durationMs, formatDuration } from './duration.js';
import { describe, optionError, wrongOption } from './errors.js';
import type { EventListener } from './events.js';
import { defaultIdentityFields } from './identity.js';
import { isStray } from './maybe-promise.js';
import type { SessionStore } from './store.js';
import { missingFromStore } from './store.js';

/** Limits of NIST SP 800-63B-4 sections 2.1.3, 2.2.3 and 2.3.3, and renewal of the token every 15 minutes. */
export type Preset = 'aal1' | 'aal2' | 'aal3';

const presets = {
  aal1: { idle: '14d', absolute: '30d', renewEvery: '15m' },
  aal2: { idle: '1h', absolute: '24h', renewEvery: '15m' },
  aal3: { idle: '15m', absolute: '12h', renewEvery: '15m' },
} as const;

const defaults = { idle: '1h', absolute: '24h' } as const;

export interface EngineOptions {
  /**
   * The secret that tokens and records are made with, or several, newest first: at least 32 random bytes each.
   * To rotate, first add the new one second and deploy; then move it first; remove the old one when the longest
   * absolute limit has passed. Outside production, and with a store that is not networked, one is made if absent.
   */
  readonly secret?: string | readonly string[] | undefined;
  /** Which app the sessions belong to; apps that share a store and a secret but not an audience can't read each other's. Default `'app'`. */
  readonly audience?: string | undefined;
  /** A set of limits by authenticator assurance level; `idle`, `absolute` and `renewEvery` beside it win. Default none. */
  readonly preset?: Preset | undefined;
  /** Ends a session that was not used for so long (ASVS 7.3.1). Default `'1h'`. */
  readonly idle?: Duration | undefined;
  /** Ends a session so long after sign-in, used or not (ASVS 7.3.2). Default `'24h'`. */
  readonly absolute?: Duration | undefined;
  /** Renews the token so often, with detection of copied cookies. `false`: never. Default `false`, `'15m'` with a preset. */
  readonly renewEvery?: Duration | false | undefined;
  /** How long the old token stays good once its successor has arrived. Default `'60s'`. */
  readonly renewGrace?: Duration | undefined;
  /** A used session moves its idle deadline at most so often; never more than a tenth of the idle limit. Default `'60s'`. */
  readonly touchEvery?: Duration | undefined;
  /** The most bytes that a session's encoded data may have. Default 65536. */
  readonly maxDataBytes?: number | undefined;
  /** How long a request waits for the store before it answers 503. Default `'2s'`. */
  readonly storeDeadline?: Duration | undefined;
  /** How long the store remembers that, and why, a session ended. At least the store deadline. Default `'1h'`. */
  readonly keepEnded?: Duration | undefined;
  /** The cookie outlives the browser, up to the absolute limit (`Max-Age`). NIST SP 800-63B-4 section 5.1 advises against it. Default `false`. */
  readonly persistent?: boolean | undefined;
  /** Fields whose appearance or change means a sign-in, so that the session gets a new token. Replaces the default list; `[]` turns it off. */
  readonly identityFields?: readonly string[] | undefined;
  /** Paths such as `'cart'` or `'prefs.theme'` whose insides must come from one request, never from two mixed. Default none. */
  readonly atomic?: readonly string[] | undefined;
  /**
   * At most so many live sessions of one person. A number, or `{ limit, onExceed }`: `'evict-oldest'` (default) ends
   * the oldest by creation with the reason `evicted`, `'reject'` refuses the sign-in with `ERR_SESSION_LIMIT`.
   * Needs a store with an owner index; atomic there. Default: no limit.
   */
  readonly maxPerOwner?: number | MaxPerOwner | undefined;
  /** Keep the network that a session began from, for lists: IPv4 /24, IPv6 /48, never the whole address. Default `true`. */
  readonly recordAddress?: boolean | undefined;
  /** Makes the label of a device from a user agent, for lists; `deviceLabel` of `holdfast/devices` is one. Default: no labels. */
  readonly deviceLabel?: ((userAgent: string) => string | undefined) | undefined;
  /**
   * Makes `sessions.revokeEverything()` possible. Each process then reads the store once a second more, while it has
   * requests with a session. Default `false`.
   */
  readonly revokeEverything?: boolean | undefined;
  /** When another request changed the session meanwhile: `'merge'` (default), or `'error'`, which answers 409. */
  readonly onConflict?: 'merge' | 'error' | undefined;
  /**
   * Answers safe requests from memory while the store pushes its changes; docs/design/cache.md says why that stays true.
   * `false` turns it off, so that every request asks the store; `{ maxSessions, maxBytes }` bounds what is kept. Default:
   * on where the store is networked and pushes changes. `true` with a store that does not push stops the start.
   */
  readonly cache?: boolean | CacheOptions | undefined;
  /**
   * Is told what belongs into an audit log, with person and client: sign-ins and their steps, sign-outs, re-authentication,
   * elevation, changed credentials, revocations, and all refusals. `auditFile` of `holdfast/audit` writes it. Default none.
   */
  readonly audit?: AuditSink | undefined;
  /** Hears every event. More listeners: `sessions.on(listener)`. */
  readonly onEvent?: EventListener | undefined;
  /** Time, for tests. Default the system's. */
  readonly clock?: Clock | undefined;
}

export interface CacheOptions {
  /** The most opened sessions in memory. Default 10000. */
  readonly maxSessions?: number | undefined;
  /** About the most bytes that they take. Default 32 MiB. */
  readonly maxBytes?: number | undefined;
}

/** `on` undefined: as the store allows. */
export interface CacheConfig {
  readonly on: boolean | undefined;
  readonly maxSessions: number;
  readonly maxBytes: number;
}

export interface MaxPerOwner {
  /** At least 1. */
  readonly limit: number;
  readonly onExceed?: 'evict-oldest' | 'reject' | undefined;
}

export interface EngineConfig {
  readonly audience: string;
  readonly idleMs: number;
  /** See `Limits`. */
  readonly ownIdleLeads?: boolean;
  readonly absoluteMs: number;
  /** 0: never. */
  readonly renewEveryMs: number;
  readonly renewGraceMs: number;
  readonly touchEveryMs: number;
  readonly maxDataBytes: number;
  readonly storeDeadlineMs: number;
  readonly keepEndedMs: number;
  readonly persistent: boolean;
  readonly identityFields: readonly string[];
  readonly atomic: readonly string[];
  readonly maxPerOwner: { readonly limit: number; readonly onExceed: 'evict-oldest' | 'reject' } | undefined;
  readonly revokeEverything: boolean;
  readonly recordAddress: boolean;
  readonly deviceLabel: ((userAgent: string) => string | undefined) | undefined;
  readonly onConflict: 'merge' | 'error';
  readonly cache: CacheConfig;
  readonly audit: AuditSink | undefined;
  readonly onEvent: EventListener | undefined;
  readonly clock: Clock;
}

export const engineOptionNames = [
  'secret',
  'audience',
  'preset',
  'idle',
  'absolute',
  'renewEvery',
  'renewGrace',
  'touchEvery',
  'maxDataBytes',
  'storeDeadline',
  'keepEnded',
  'persistent',
  'identityFields',
  'atomic',
  'maxPerOwner',
  'revokeEverything',
  'recordAddress',
  'deviceLabel',
  'onConflict',
  'cache',
  'audit',
  'onEvent',
  'clock',
] as const satisfies readonly (keyof EngineOptions)[];

const longestIdle = '400d';

/** `idleName`: the option that says `idle`, for errors. */
export function resolveEngineOptions(options: EngineOptions, idleName = 'idle'): EngineConfig {
  const preset =
    options.preset === undefined ? undefined : presets[oneOf(options.preset, 'preset', ['aal1', 'aal2', 'aal3'])];
  const maxMs = durationMs(longestIdle, 'absolute');
  const absoluteMs = durationMs(options.absolute ?? preset?.absolute ?? defaults.absolute, 'absolute', {
    minMs: 1_000,
    maxMs,
  });
  const idleMs = durationMs(options.idle ?? preset?.idle ?? defaults.idle, idleName, { minMs: 1_000, maxMs });
  if (idleMs > absoluteMs) {
    throw optionError(
      `${idleName}: expected at most the absolute limit (${formatDuration(absoluteMs)}), got ${formatDuration(idleMs)}. Shorten it or lengthen absolute.`,
    );
  }
  const renewEvery = options.renewEvery ?? preset?.renewEvery ?? false;
  const storeDeadlineMs = durationMs(options.storeDeadline ?? '2s', 'storeDeadline', { maxMs: 60_000 });
  return {
    audience: word(options.audience ?? 'app', 'audience'),
    idleMs,
    absoluteMs,
    renewEveryMs: renewEvery === false ? 0 : durationMs(renewEvery, 'renewEvery', { minMs: 1_000 }),
    renewGraceMs: durationMs(options.renewGrace ?? '60s', 'renewGrace', { maxMs: 600_000 }),
    touchEveryMs: Math.min(durationMs(options.touchEvery ?? '60s', 'touchEvery'), idleMs / 10),
    maxDataBytes: wholeNumber(options.maxDataBytes ?? 65_536, 'maxDataBytes', 64, 16 * 1024 * 1024),
    storeDeadlineMs,
    keepEndedMs: durationMs(options.keepEnded ?? '1h', 'keepEnded', { minMs: storeDeadlineMs }),
    persistent: flag(options.persistent ?? false, 'persistent'),
    identityFields: words(options.identityFields ?? defaultIdentityFields, 'identityFields'),
    atomic: words(options.atomic ?? [], 'atomic'),
    maxPerOwner: options.maxPerOwner === undefined ? undefined : maxPerOwnerOf(options.maxPerOwner),
    revokeEverything: flag(options.revokeEverything ?? false, 'revokeEverything'),
    recordAddress: flag(options.recordAddress ?? true, 'recordAddress'),
    deviceLabel: options.deviceLabel === undefined ? undefined : callable(options.deviceLabel, 'deviceLabel'),
    onConflict: oneOf(options.onConflict ?? 'merge', 'onConflict', ['merge', 'error']),
    cache: cacheOf(options.cache),
    audit: options.audit === undefined ? undefined : callable(options.audit, 'audit'),
    onEvent: options.onEvent === undefined ? undefined : callable(options.onEvent, 'onEvent'),
    clock: options.clock === undefined ? systemClock : clockOf(options.clock),
  };
}

function cacheOf(given: unknown): CacheConfig {
  const sizes = typeof given === 'object' ? given : {};
  const { maxSessions, maxBytes } = takeOptions<CacheOptions>(sizes, ['maxSessions', 'maxBytes'], 'cache');
  return {
    on: given === undefined || typeof given === 'object' ? undefined : flag(given, 'cache'),
    maxSessions: wholeNumber(maxSessions ?? 10_000, 'cache: maxSessions', 1, 2 ** 23),
    maxBytes: wholeNumber(maxBytes ?? 32 * 1024 * 1024, 'cache: maxBytes', 1024 * 1024, Number.MAX_SAFE_INTEGER),
  };
}

/** A copy without a prototype, with only names from `known`; an unknown name is refused with the nearest known one. */
export function takeOptions<Options extends object>(value: unknown, known: readonly string[], what: string): Options {
  // A promise has no members: it would pass, and mean nothing.
  if (typeof value !== 'object' || value === null || Array.isArray(value) || isStray(value)) {
    // A string in this place may be the secret itself, or a password: its text is not shown.
    const received = typeof value === 'string' ? 'a string' : describe(value);
    throw optionError(`${what}: expected an object of options, got ${received}.`);
  }
  const copy = Object.create(null) as Record<string, unknown>;
  for (const [name, option] of Object.entries(value)) {
    if (!known.includes(name)) {
      const near = nearest(name, known);
      throw optionError(
        `${what}: there is no option '${name.slice(0, 40)}'.${near ? ` Did you mean '${near}'?` : ''} The options are ${known.join(', ')}.`,
      );
    }
    // Elsewhere null often means "none" or "never"; taken for absent, it would quietly mean the default.
    if (option === null) {
      throw optionError(`${what}: ${name}: expected a value, got null. Leave it out for the default.`);
    }
    if (option !== undefined) copy[name] = option;
  }
  return copy as Options;
}

export function checkStore(value: unknown, option = 'store'): SessionStore {
  if (typeof value !== 'object' || value === null) {
    // A connection string has a password in it.
    const received = typeof value === 'string' ? 'a string' : describe(value);
    throw optionError(`${option}: expected a store such as memoryStore(), got ${received}.`);
  }
  const missing = missingFromStore(value);
  if (missing.length > 0) {
    throw optionError(
      `${option}: expected a holdfast store, got ${describe(value)} without ${missing.join(', ')}. A client goes into a store: redisStore({ client }).`,
    );
  }
  return value as SessionStore;
}

export function flag(value: unknown, option: string): boolean {
  if (typeof value === 'boolean') return value;
  throw wrongOption(option, 'true or false', value);
}

export function oneOf<Word extends string>(value: unknown, option: string, allowed: readonly Word[]): Word {
  const found = allowed.find((word) => word === value);
  if (found !== undefined) return found;
  throw wrongOption(option, `one of ${allowed.map((word) => `'${word}'`).join(', ')}`, value);
}

export function wholeNumber(value: unknown, option: string, least: number, most: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
  throw wrongOption(option, `a whole number from ${least} to ${most}`, value);
}

export function callable<Callable>(value: Callable, option: string): Callable {
  if (typeof value === 'function') return value;
  throw wrongOption(option, 'a function', value);
}

export function words(value: unknown, option: string): readonly string[] {
  if (Array.isArray(value) && value.every((item) => typeof item === 'string' && item !== ''))
    return [...value] as string[];
  throw wrongOption(option, 'an array of non-empty strings', value);
}

export function word(value: unknown, option: string): string {
  if (typeof value === 'string' && value.length >= 1 && value.length <= 255) return value;
  throw wrongOption(option, 'a string of 1 to 255 characters', value);
}

function maxPerOwnerOf(value: unknown): EngineConfig['maxPerOwner'] {
  const given = typeof value === 'number' ? { limit: value } : value;
  const { limit, onExceed = 'evict-oldest' } = takeOptions<MaxPerOwner>(given, ['limit', 'onExceed'], 'maxPerOwner');
  return {
    limit: wholeNumber(limit, 'maxPerOwner.limit', 1, 10_000),
    onExceed: oneOf(onExceed, 'maxPerOwner.onExceed', ['evict-oldest', 'reject']),
  };
}

function clockOf(value: unknown): Clock {
  const complete =
    typeof value === 'object' &&
    value !== null &&
    ['now', 'monotonic', 'after'].every((name) => typeof Reflect.get(value, name) === 'function');
  if (complete) return value as Clock;
  throw wrongOption('clock', 'an object with now(), monotonic() and after()', value);
}

/** The known name with the smallest edit distance, if that is at most a third of its length. */
function nearest(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const distance = editDistance(name.slice(0, 40).toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best !== undefined && bestDistance <= Math.max(2, best.length / 3) ? best : undefined;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + same));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
