/**
 * One class, told apart by `code`. A message names the option or path, what was expected, what came
 * (never a secret) and the remedy. Each code has a heading in docs/errors.md.
 */
export type SessionErrorCode =
  | 'ERR_SESSION_OPTION'
  | 'ERR_SESSION_ARGUMENT'
  | 'ERR_SESSION_SECRET_REQUIRED'
  | 'ERR_SESSION_SECRET_WEAK'
  | 'ERR_SESSION_STORE_REQUIRED'
  | 'ERR_SESSION_STORE_CAPABILITY'
  | 'ERR_SESSION_STORE_FULL'
  | 'ERR_SESSION_STORE_UNAVAILABLE'
  | 'ERR_SESSION_STORE_UNREPLICATED'
  | 'ERR_SESSION_RECORD_UNREADABLE'
  | 'ERR_SESSION_CONFLICT'
  | 'ERR_SESSION_ENDED'
  | 'ERR_SESSION_LIMIT'
  | 'ERR_SESSION_BARRED'
  | 'ERR_SESSION_OWNER_FIXED'
  | 'ERR_SESSION_DATA_UNSUPPORTED'
  | 'ERR_SESSION_DATA_TOO_LARGE'
  | 'ERR_SESSION_NAME_RESERVED'
  | 'ERR_SESSION_COOKIE_WITHHELD'
  | 'ERR_SESSION_COOKIE_TOO_LATE'
  | 'ERR_SESSION_CROSS_SITE'
  | 'ERR_SESSION_CSRF_TOKEN'
  | 'ERR_SESSION_SIGN_IN_REQUIRED'
  | 'ERR_SESSION_PENDING'
  | 'ERR_SESSION_STEP_UP_REQUIRED'
  | 'ERR_SESSION_MIDDLEWARE_MISSING';

/** The HTTP status that fits each code when it reaches an error handler. */
const statuses: Record<SessionErrorCode, number> = {
  ERR_SESSION_OPTION: 500,
  ERR_SESSION_ARGUMENT: 500,
  ERR_SESSION_SECRET_REQUIRED: 500,
  ERR_SESSION_SECRET_WEAK: 500,
  ERR_SESSION_STORE_REQUIRED: 500,
  ERR_SESSION_STORE_CAPABILITY: 500,
  ERR_SESSION_STORE_FULL: 503,
  ERR_SESSION_STORE_UNAVAILABLE: 503,
  ERR_SESSION_STORE_UNREPLICATED: 503,
  ERR_SESSION_RECORD_UNREADABLE: 503,
  ERR_SESSION_CONFLICT: 409,
  ERR_SESSION_ENDED: 401,
  ERR_SESSION_LIMIT: 403,
  ERR_SESSION_BARRED: 401,
  ERR_SESSION_OWNER_FIXED: 500,
  ERR_SESSION_DATA_UNSUPPORTED: 500,
  ERR_SESSION_DATA_TOO_LARGE: 500,
  ERR_SESSION_NAME_RESERVED: 500,
  ERR_SESSION_COOKIE_WITHHELD: 500,
  ERR_SESSION_COOKIE_TOO_LATE: 500,
  ERR_SESSION_CROSS_SITE: 403,
  ERR_SESSION_CSRF_TOKEN: 403,
  ERR_SESSION_SIGN_IN_REQUIRED: 401,
  ERR_SESSION_PENDING: 401,
  ERR_SESSION_STEP_UP_REQUIRED: 401,
  ERR_SESSION_MIDDLEWARE_MISSING: 500,
};

/** @internal Every code, for the test that docs/errors.md has a heading for each. */
export const errorCodes = Object.keys(statuses) as readonly SessionErrorCode[];

/** Shared by every copy of the package in a process, so that `instanceof` holds across ESM, CJS and duplicates. */
const brand = Symbol.for('holdfast.SessionError');

/** What a guard asks for and a request does not have. */
export type Requirement =
  | { readonly requirement: 'sign-in' }
  | { readonly requirement: 'step'; readonly step: string }
  | { readonly requirement: 'aal'; readonly wanted: number; readonly got: number }
  | { readonly requirement: 'freshness'; readonly withinSeconds: number }
  | { readonly requirement: 'scope'; readonly scope: string };

export interface SessionErrorOptions {
  readonly cause?: unknown;
  /** Overrides the status of the code. */
  readonly status?: number;
  /** Where in the session's data, as `cart.items[3]`. */
  readonly path?: string;
  /** Why the session ended, with `ERR_SESSION_ENDED` and `ERR_SESSION_SIGN_IN_REQUIRED`. */
  readonly reason?: string;
  /** From a guard: what is missing. */
  readonly missing?: readonly Requirement[];
  /** From a guard: the page of the app where it can be had. */
  readonly page?: string;
  /** With a store fault: `unknown` where the store may have applied the change, `not-applied` where it can't have. */
  readonly outcome?: 'unknown' | 'not-applied';
}

export class SessionError extends Error {
  override readonly name = 'SessionError';
  readonly code: SessionErrorCode;
  /** HTTP status; Express and most frameworks answer with it. */
  readonly status: number;
  declare readonly path?: string;
  declare readonly reason?: string;
  declare readonly missing?: readonly Requirement[];
  declare readonly page?: string;
  declare readonly outcome?: 'unknown' | 'not-applied';

  constructor(code: SessionErrorCode, message: string, options: SessionErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.status = options.status ?? statuses[code];
    if (options.path !== undefined) this.path = options.path;
    if (options.reason !== undefined) this.reason = options.reason;
    if (options.missing !== undefined) this.missing = options.missing;
    if (options.page !== undefined) this.page = options.page;
    if (options.outcome !== undefined) this.outcome = options.outcome;
    Object.defineProperty(this, brand, { value: true });
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && Reflect.get(value, brand) === true;
  }
}

/** How a received value reads in a message: its type and, where that helps and can't leak, the value. */
export function describe(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  switch (typeof value) {
    case 'string':
      return value.length <= 40 ? JSON.stringify(value) : `a string of ${value.length} characters`;
    case 'number':
    case 'boolean':
    case 'bigint':
    case 'undefined':
      return String(value);
    case 'function':
      return `a function${value.name ? ` (${value.name})` : ''}`;
    case 'object':
      return `an object (${value.constructor?.name ?? 'no prototype'})`;
    default:
      return `a ${typeof value}`;
  }
}
