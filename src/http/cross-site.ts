import { describe, optionError } from '../core/errors.js';

/** What a request shows of the page that sent it. */
export interface CrossSiteInput {
  readonly method: string;
  /** The raw request target as it came (`originalUrl` in Express); the query is ignored. */
  readonly url: string;
  /** `Sec-Fetch-Site`, repetitions joined with a comma, as Node does. */
  readonly fetchSite: string | undefined;
  /** `Origin`, repetitions joined with a comma, as Node does. */
  readonly origin: string | undefined;
  /** The request's own serialized origin (`requestOrigin`); undefined where its host is malformed. */
  readonly ownOrigin: string | undefined;
  /** A WebSocket handshake: a GET that no method rule covers, so its `Origin` is judged instead. */
  readonly upgrade?: boolean;
}

export interface CrossSitePolicy {
  /** Other origins whose pages may send unsafe requests (`parseOrigins`). */
  readonly origins: ReadonlySet<string>;
  /** `METHOD /path` pairs that any page may send (`parseAllow`). */
  readonly allow: ReadonlySet<string>;
  /** Deny what carries neither header. Default: allowed, and flagged. */
  readonly strict: boolean;
}

export type CrossSiteAllowance =
  | 'safe-method'
  | 'allowed-path'
  | 'same-origin'
  | 'user-initiated'
  | 'listed-origin'
  | 'no-evidence';

export type CrossSiteDenial =
  | 'cross-site'
  | 'same-site'
  | 'fetch-site-malformed'
  | 'origin-foreign'
  | 'origin-null'
  | 'origin-malformed'
  | 'no-evidence';

export type CrossSiteVerdict =
  | { readonly allowed: true; readonly reason: CrossSiteAllowance; readonly unverified?: true }
  | { readonly allowed: false; readonly reason: CrossSiteDenial };

/** One object for each outcome, since this runs on every request. */
const allowed: { readonly [Reason in CrossSiteAllowance]: CrossSiteVerdict } = {
  'safe-method': { allowed: true, reason: 'safe-method' },
  'allowed-path': { allowed: true, reason: 'allowed-path' },
  'same-origin': { allowed: true, reason: 'same-origin' },
  'user-initiated': { allowed: true, reason: 'user-initiated' },
  'listed-origin': { allowed: true, reason: 'listed-origin' },
  'no-evidence': { allowed: true, reason: 'no-evidence', unverified: true },
};

/**
 * Whether an unsafe request may come from the page that sent it: Fetch Metadata where the browser sends it,
 * else `Origin` as a whole (scheme, host and port) against the request's own and the listed ones.
 *
 * Exactly `GET`, `HEAD` and `OPTIONS` are safe; headers that override a method change nothing. A sibling
 * subdomain (`same-site`) is a stranger unless listed. A request with neither header comes from a program or a
 * browser before 2020: allowed and `unverified`, or denied where the policy is strict.
 */
export function crossSiteVerdict(input: CrossSiteInput, policy: CrossSitePolicy): CrossSiteVerdict {
  const { method, fetchSite, origin } = input;
  if (input.upgrade !== true && (method === 'GET' || method === 'HEAD' || method === 'OPTIONS')) {
    return allowed['safe-method'];
  }
  if (isExempt(method, input.url, policy)) return allowed['allowed-path'];
  // A WebSocket handshake always says its Origin, and not every browser sends Fetch Metadata with it.
  if (input.upgrade === true && origin !== undefined) return byOrigin(input, origin, policy);
  switch (fetchSite) {
    case undefined:
      break;
    case 'same-origin':
      return allowed['same-origin'];
    case 'none':
      return allowed['user-initiated'];
    case 'cross-site':
    case 'same-site':
      return origin !== undefined && policy.origins.has(origin)
        ? allowed['listed-origin']
        : { allowed: false, reason: fetchSite };
    default:
      return { allowed: false, reason: 'fetch-site-malformed' };
  }
  if (origin !== undefined) return byOrigin(input, origin, policy);
  return policy.strict ? { allowed: false, reason: 'no-evidence' } : allowed['no-evidence'];
}

function byOrigin({ ownOrigin }: CrossSiteInput, origin: string, policy: CrossSitePolicy): CrossSiteVerdict {
  // Before any comparison: `null` is the origin of every sandboxed frame, so it never equals anyone's.
  if (origin === 'null') return { allowed: false, reason: 'origin-null' };
  if (origin === ownOrigin) return allowed['same-origin'];
  if (policy.origins.has(origin)) return allowed['listed-origin'];
  return { allowed: false, reason: isOrigin(origin) ? 'origin-foreign' : 'origin-malformed' };
}

/** Whether any page may send this, by the option `allow`. */
export function isExempt(method: string, url: string, { allow }: Pick<CrossSitePolicy, 'allow'>): boolean {
  return allow.size > 0 && allow.has(`${method} ${pathOf(url)}`);
}

/**
 * The raw path, never normalised: an exemption must not reach a handler other than the one it was written
 * for, so `/a/../b`, another case, a trailing slash or `%61` are paths of their own, and are not exempt.
 */
function pathOf(url: string): string {
  const query = url.indexOf('?');
  return query === -1 ? url : url.slice(0, query);
}

const originGrammar = /^[a-z][a-z0-9+.-]{0,30}:\/\/(?:\[[0-9a-f:.]{2,45}\]|[a-z0-9_.-]{1,253})(?::[0-9]{1,5})?$/;

/** Whether text is a serialized origin: no user, path, query or fragment, no default port, no capital. */
function isOrigin(text: string): boolean {
  if (!originGrammar.test(text)) return false;
  // URL knows default ports and odd spellings of addresses, but gives custom schemes (app shells) no origin.
  return !/^https?:/.test(text) || (URL.canParse(text) && new URL(text).origin === text);
}

/**
 * Reads the option that lists trusted origins.
 *
 * @throws SessionError `ERR_SESSION_OPTION` for anything that a browser would not send as `Origin`.
 */
export function parseOrigins(list: unknown, option: string): ReadonlySet<string> {
  return parseList(list, option, "['https://app.example.com']", (item) => {
    if (isOrigin(item)) return undefined;
    const meant = URL.canParse(item) ? new URL(item).origin : 'null';
    return isOrigin(meant)
      ? `expected an origin and nothing more. Write '${meant}'.`
      : "expected scheme, host and, where it is not the default, port, such as 'https://app.example.com'. There are no wildcards.";
  });
}

/**
 * Reads the option that lists the `METHOD /path` pairs which any page may send.
 *
 * @throws SessionError `ERR_SESSION_OPTION` for anything but a method in capitals and a literal path.
 */
export function parseAllow(list: unknown, option: string): ReadonlySet<string> {
  return parseList(list, option, "['POST /auth/apple/callback']", (item) =>
    /^[A-Z][A-Z-]* \/[\x21\x22\x24-\x29\x2b-\x3e\x40-\x7e]*$/.test(item) && !/\/\.{1,2}(?:\/|$)/.test(item)
      ? undefined
      : "expected a method and an exact path, such as 'POST /auth/apple/callback': no patterns, no query.",
  );
}

function parseList(
  list: unknown,
  option: string,
  example: string,
  problemOf: (item: string) => string | undefined,
): ReadonlySet<string> {
  if (list === undefined) return new Set();
  if (!Array.isArray(list)) {
    throw optionError(`${option}: expected a list such as ${example}, got ${describe(list)}.`);
  }
  const items = new Set<string>();
  for (const [index, item] of list.entries()) {
    const problem = typeof item === 'string' ? problemOf(item) : `expected a string, as in ${example}.`;
    if (problem !== undefined) {
      throw optionError(`${option}[${index}]: got ${describe(item)}, ${problem}`);
    }
    items.add(item);
  }
  return items;
}

/** The sentence of the 403: what was seen and which option to add. Shows the origin, and nothing else that came. */
export function crossSiteMessage(reason: CrossSiteDenial, input: Pick<CrossSiteInput, 'origin'>): string {
  const origin = input.origin !== undefined && isOrigin(input.origin) ? input.origin : undefined;
  const trust =
    origin === undefined
      ? ''
      : ` If that site is yours, add crossSite: { origins: ['${origin}'] }; if only one path is meant for others, add it to crossSite.allow.`;
  const from = origin === undefined ? '' : `, ${origin}`;
  switch (reason) {
    case 'cross-site':
      return `The request was sent by a page of another site${from}.${trust || exempt}`;
    case 'same-site':
      return `The request was sent by a page of another origin of the same site${from}.${trust || exempt}`;
    case 'origin-foreign':
      return `The request was sent by a page of another origin${from}.${trust || exempt} Behind a TLS proxy, app.set('trust proxy', 1) makes the app know its own origin.`;
    case 'origin-null':
      return `The request was sent by a page that hides its origin (a sandboxed frame, a file, or Referrer-Policy: no-referrer in an older browser).${exempt}`;
    case 'origin-malformed':
      return 'The Origin header of the request is not an origin.';
    case 'fetch-site-malformed':
      return 'The Sec-Fetch-Site header of the request is repeated or has an unknown value.';
    case 'no-evidence':
      return `The request says nothing of the page that sent it (neither Sec-Fetch-Site nor Origin), and crossSite.strict is on.${exempt}`;
  }
}

const exempt = " If others may send it, add its method and path: crossSite: { allow: ['POST /path'] }.";
