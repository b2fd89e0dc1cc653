/** The options of `session()`: the engine's, and what only HTTP needs. */
import { developmentSecret } from '../core/dev-secret.js';
import { optionError, SessionError } from '../core/errors.js';
import {
  callable,
  checkStore,
  type EngineConfig,
  type EngineOptions,
  engineOptionNames,
  flag,
  oneOf,
  resolveEngineOptions,
  takeOptions,
  word,
  words,
} from '../core/options.js';
import { checkSecrets, howToMakeASecret } from '../core/secrets.js';
import type { ExpressSessionStore, SessionStore } from '../core/store.js';
import { bridged, isExpressSessionStore } from '../express-session/bridge/face.js';
import { type MigrateFrom, type MigrateFromOptions, migrateFromOf } from '../express-session/legacy/face.js';
import { type CrossSitePolicy, parseAllow, parseOrigins } from '../http/cross-site.js';
import { memoryStore } from '../stores/memory.js';
import type { FormParser } from './csrf.js';
import { type Familiar, type FamiliarOptions, familiarNames, familiarOf, maxAgeOf } from './familiar/options.js';

export interface CrossSiteOptions {
  /** Origins, besides the app's own, whose pages may send unsafe requests, such as `'https://admin.example.com'`. Default none. */
  readonly origins?: readonly string[] | undefined;
  /** `'METHOD /path'` pairs that any page may send, such as `'POST /auth/apple/callback'`. Default none. */
  readonly allow?: readonly string[] | undefined;
  /** Deny unsafe requests that carry neither `Sec-Fetch-Site` nor `Origin`. Default `false`: they pass, with an event. */
  readonly strict?: boolean | undefined;
  /**
   * Ask for a CSRF token with each unsafe request, besides what the gate asks (NIST SP 800-63B-4 section 5.1): in the
   * header `X-CSRF-Token`, or in the form field `_csrf` where `forms` can read it. Default `false`.
   */
  readonly token?: boolean | undefined;
  /** With `token`, parses forms at the door, such as `express.urlencoded()`; a body that is parsed already is read as it is. Default: no forms. */
  readonly forms?: FormParser | undefined;
  /** `'enforce'` (default) answers 403; `'report'` lets everything pass and emits `cross-site-reported`. */
  readonly mode?: 'enforce' | 'report' | undefined;
}

export interface SessionOptions extends EngineOptions, FamiliarOptions {
  /**
   * Where sessions are kept: a store of holdfast, or any store of express-session, which keeps less (`sessions.lossy`).
   * Default outside production: the memory store. Required in production.
   */
  readonly store?: SessionStore | ExpressSessionStore | undefined;
  /**
   * Takes over the sessions of express-session by its cookie, so that nobody is signed out when the middleware changes,
   * also while instances of the old one still run. Default none.
   */
  readonly migrateFrom?: MigrateFromOptions | undefined;
  /** The end of the cookie's name: `__Host-Http-<name>` over https. Default `'sid'`. */
  readonly name?: string | undefined;
  /**
   * Refuses unsafe requests that other sites' pages send. `false` turns it off, `'report'` only reports, `'token'` asks
   * for a CSRF token as well. Default on.
   */
  readonly crossSite?: boolean | 'report' | 'token' | CrossSiteOptions | undefined;
  /** Outside production, use sessions over plain http on other hosts than localhost too. Default `false`. */
  readonly insecureHttp?: boolean | undefined;
  /**
   * What a request whose session can't be looked up does: `'touch'` goes on and throws when the session is first
   * used, so that public pages live through an outage; `'door'` fails at once. Default `'touch'`, on Express 4
   * `'door'`, because its async handlers would turn the throw into an unhandled rejection.
   */
  readonly onStoreFault?: 'touch' | 'door' | undefined;
  /**
   * What the browser is asked to forget of this origin when somebody signs out (`Clear-Site-Data`; ASVS 14.3.1). With
   * `'cookies'` it forgets those of every sibling subdomain too. `false` or `[]`: nothing. Default `['cache', 'storage']`.
   */
  readonly clearSiteData?: readonly ClearSiteData[] | false | undefined;
  /** Hears the few lines that a developer should see. Default `console.warn`. */
  readonly log?: ((line: string) => void) | undefined;
  /** Production rules: secret and store required, https only. Default: `NODE_ENV` is `production`. */
  readonly production?: boolean | undefined;
}

const siteData = ['cache', 'cookies', 'storage', 'executionContexts', 'clientHints', '*'] as const;
export type ClearSiteData = (typeof siteData)[number];

const httpOptionNames = [
  'store',
  'migrateFrom',
  'name',
  'crossSite',
  'insecureHttp',
  'onStoreFault',
  'clearSiteData',
  'log',
  'production',
] as const;
const crossSiteOptionNames = ['origins', 'allow', 'strict', 'token', 'forms', 'mode'] as const;

export interface HttpConfig {
  readonly baseName: string;
  readonly crossSite:
    | (CrossSitePolicy & {
        readonly mode: 'enforce' | 'report';
        readonly token: boolean;
        readonly forms: FormParser | undefined;
      })
    | undefined;
  readonly migrateFrom: MigrateFrom | undefined;
  readonly insecureHttp: boolean;
  readonly onStoreFault: 'touch' | 'door' | undefined;
  /** The header's value; undefined: none. */
  readonly clearSiteData: string | undefined;
  readonly log: (line: string) => void;
  readonly production: boolean;
  /** `NODE_ENV` is `test`, as test runners set it. */
  readonly underTest: boolean;
  readonly familiar: Familiar;
}

export interface Resolved {
  readonly engine: EngineConfig;
  readonly http: HttpConfig;
  readonly store: SessionStore;
  readonly secrets: readonly string[];
}

export function resolveOptions(given: unknown): Resolved {
  const options = takeOptions<SessionOptions>(
    given,
    [...engineOptionNames, ...httpOptionNames, ...familiarNames],
    'session()',
  );
  const production = flag(options.production ?? process.env.NODE_ENV === 'production', 'production');
  const engine = engineOf(options, production);
  const log = options.log === undefined ? (line: string) => console.warn(line) : callable(options.log, 'log');
  const insecureHttp = flag(options.insecureHttp ?? false, 'insecureHttp');
  if (insecureHttp && production) {
    throw optionError(
      'insecureHttp: not possible in production, where a cookie sent in clear can be copied by anyone on the way. Serve https, or end TLS at a proxy and set trust proxy.',
    );
  }
  const http: HttpConfig = {
    baseName: cookieBaseName(options.name ?? 'sid'),
    crossSite: crossSiteOf(options.crossSite ?? true),
    migrateFrom: options.migrateFrom === undefined ? undefined : migrateFromOf(options.migrateFrom),
    insecureHttp,
    onStoreFault:
      options.onStoreFault === undefined
        ? undefined
        : oneOf<'touch' | 'door'>(options.onStoreFault, 'onStoreFault', ['touch', 'door']),
    clearSiteData: clearSiteDataOf(options.clearSiteData ?? ['cache', 'storage']),
    log,
    production,
    underTest: process.env.NODE_ENV === 'test',
    familiar: familiarOf(options, engine.idleMs, production),
  };
  const store = storeOf(options.store, production);
  if (store.lossy)
    log(
      `holdfast: ${store.name} keeps less: ${store.lossy.map(({ guarantee, why }) => `${guarantee}: ${why}`).join(' ')}`,
    );
  const secrets = options.secret === undefined ? madeSecret(store, production, log) : checkSecrets(options.secret);
  if (insecureHttp) log('holdfast: insecureHttp is on: session cookies travel in clear. For development only.');
  return { engine, http, store, secrets };
}

/** `cookie.maxAge` is express-session's word for `idle` with `persistent`. */
function engineOf(options: SessionOptions, production: boolean): EngineConfig {
  const maxAgeMs = maxAgeOf(options, production);
  if (maxAgeMs === undefined) return resolveEngineOptions(options);
  return resolveEngineOptions({ ...options, idle: `${maxAgeMs}ms`, persistent: true }, 'cookie.maxAge');
}

function storeOf(given: unknown, production: boolean): SessionStore {
  if (isExpressSessionStore(given)) return bridged(given);
  if (given !== undefined) return checkStore(given);
  if (!production) return memoryStore();
  throw new SessionError(
    'ERR_SESSION_STORE_REQUIRED',
    'store: required in production, where the memory store would lose every session with the process. For example, after `npm install lmdb`:\n' +
      "import { lmdbStore } from 'holdfast/stores/lmdb';  session({ store: lmdbStore({ path: './sessions' }), ... })",
  );
}

function madeSecret(store: SessionStore, production: boolean, log: (line: string) => void): readonly string[] {
  if (production || store.networked) {
    const why = production ? 'in production' : `with the ${store.name} store, which other machines share`;
    throw new SessionError('ERR_SESSION_SECRET_REQUIRED', `secret: required ${why}.\n${howToMakeASecret}`);
  }
  const made = developmentSecret(process.cwd());
  const kept = made.path === undefined ? 'for this process only' : 'and kept in node_modules/.cache/holdfast';
  log(`holdfast: no secret given; one was made ${kept}. Production needs its own.`);
  return [made.secret];
}

function cookieBaseName(value: unknown): string {
  const name = word(value, 'name');
  if (/^[A-Za-z0-9_.-]{1,64}$/.test(name) && !/^__/.test(name)) return name;
  throw optionError(
    "name: expected 1 to 64 letters, digits, '-', '_' and '.' without a leading '__' (the prefix __Host-Http- is added), got another string.",
  );
}

function clearSiteDataOf(value: unknown): string | undefined {
  if (value === false) return undefined;
  const asked = words(value, 'clearSiteData').map((one) => oneOf(one, 'clearSiteData', siteData));
  return asked.length === 0 ? undefined : asked.map((one) => `"${one}"`).join(', ');
}

function crossSiteOf(value: unknown): HttpConfig['crossSite'] {
  if (value === false) return undefined;
  const given =
    value === true ? {} : value === 'report' ? { mode: 'report' } : value === 'token' ? { token: true } : value;
  const options = takeOptions<CrossSiteOptions>(given, crossSiteOptionNames, 'crossSite');
  return {
    origins: parseOrigins(options.origins, 'crossSite.origins'),
    allow: parseAllow(options.allow, 'crossSite.allow'),
    strict: flag(options.strict ?? false, 'crossSite.strict'),
    token: flag(options.token ?? false, 'crossSite.token'),
    forms: options.forms === undefined ? undefined : callable(options.forms, 'crossSite.forms'),
    mode: oneOf(options.mode ?? 'enforce', 'crossSite.mode', ['enforce', 'report']),
  };
}
