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
  | 'ERR_SESSION_MIDDLEWARE_MISSING'
  | 'ERR_SESSION_PROPERTY_TAKEN';

/** The HTTP status that fits each code, without its prefix, when it reaches an error handler. */
const statuses = {
  OPTION: 500,
  ARGUMENT: 500,
  SECRET_REQUIRED: 500,
  SECRET_WEAK: 500,
  STORE_REQUIRED: 500,
  STORE_CAPABILITY: 500,
  STORE_FULL: 503,
  STORE_UNAVAILABLE: 503,
  STORE_UNREPLICATED: 503,
  RECORD_UNREADABLE: 503,
  CONFLICT: 409,
  ENDED: 401,
  LIMIT: 403,
  BARRED: 401,
  OWNER_FIXED: 500,
  DATA_UNSUPPORTED: 500,
  DATA_TOO_LARGE: 500,
  NAME_RESERVED: 500,
  COOKIE_WITHHELD: 500,
  COOKIE_TOO_LATE: 500,
  CROSS_SITE: 403,
  CSRF_TOKEN: 403,
  SIGN_IN_REQUIRED: 401,
  PENDING: 401,
  STEP_UP_REQUIRED: 401,
  MIDDLEWARE_MISSING: 500,
  PROPERTY_TAKEN: 500,
} as const satisfies {
  readonly [Code in SessionErrorCode as Code extends `ERR_SESSION_${infer Name}` ? Name : never]: number;
};

/** @internal Every code, for the test that docs/errors.md has a heading for each. */
export const errorCodes = Object.keys(statuses).map((name) => `ERR_SESSION_${name}` as SessionErrorCode);

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
  readonly status?: number | undefined;
  /** Where in the session's data, as `cart.items[3]`. */
  readonly path?: string;
  /** Why the session ended, with `ERR_SESSION_ENDED` and `ERR_SESSION_SIGN_IN_REQUIRED`. */
  readonly reason?: string | undefined;
  /** From a guard: what is missing. */
  readonly missing?: readonly Requirement[];
  /** From a guard: the page of the app where it can be had. */
  readonly page?: string | undefined;
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
    this.status = options.status ?? statuses[code.slice('ERR_SESSION_'.length) as keyof typeof statuses];
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

/** `session()` was given an option that can't be. */
export const optionError = (message: string): SessionError => new SessionError('ERR_SESSION_OPTION', message);

/** A verb or function was called with something it can't take. */
export const argumentError = (message: string, options?: SessionErrorOptions): SessionError =>
  new SessionError('ERR_SESSION_ARGUMENT', message, options);

/** The form of most: which option, what was expected, what came, and the remedy where that is not plain from the rest. */
export const wrongOption = (...wrong: Wrong): SessionError => optionError(wordsFor(...wrong));

export const wrongArgument = (...wrong: Wrong): SessionError => argumentError(wordsFor(...wrong));

type Wrong = [name: string, expected: string, got: unknown, remedy?: string];

const wordsFor = (name: string, expected: string, got: unknown, remedy?: string): string =>
  `${name}: expected ${expected}, got ${describe(got)}.${remedy === undefined ? '' : ` ${remedy}`}`;

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
