import { argumentError, describe, type SessionError } from '../core/errors.js';
import type { ResponseHead } from './response-head.js';

const none: readonly string[] = Object.freeze([]);

/**
 * Each value costs its reader a MAC. A browser sends one, two while a site migrates; a header full of
 * copies is an attempt to burn CPU, and what stands beyond this many is not looked at.
 */
const maxValues = 8;

/**
 * Every value that the `Cookie` header gives for exactly `name`, in order, duplicates kept; at most 8.
 *
 * Stricter than what servers usually do, because a lenient reader lets another site's cookie pass for
 * ours: only SP and HTAB around a pair are stripped (`trim()` also eats U+00A0 and U+0085, behind which
 * browsers store a name that their prefix rules would refuse), the name is compared character by
 * character including case, and the value is neither percent-decoded nor unquoted. Linear in the header.
 */
export function cookieValues(header: string | undefined, name: string): readonly string[] {
  if (header === undefined || name === '') return none;
  let at = header.indexOf(name);
  if (at === -1) return none;
  let values: string[] | undefined;
  for (; at !== -1; at = header.indexOf(name, at + name.length)) {
    const equals = at + name.length;
    if (header.charCodeAt(equals) !== 0x3d || !startsPair(header, at)) continue;
    const semicolon = header.indexOf(';', equals);
    let end = semicolon === -1 ? header.length : semicolon;
    while (end > equals + 1 && isBlank(header.charCodeAt(end - 1))) end -= 1;
    const value = header.slice(equals + 1, end);
    if (values === undefined) values = [value];
    else if (values.push(value) === maxValues) break;
  }
  return values ?? none;
}

/** Whether nothing but blanks lies between `at` and the `;` (or the start) before it. */
function startsPair(header: string, at: number): boolean {
  let before = at - 1;
  while (before >= 0 && isBlank(header.charCodeAt(before))) before -= 1;
  return before < 0 || header.charCodeAt(before) === 0x3b;
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** RFC 9110 5.6.2 `token`, which RFC 6265 4.1.1 asks of a cookie's name. */
const legalName = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** RFC 6265 4.1.1 `cookie-octet`: no controls, blanks, quotes, comma, semicolon or backslash. */
const legalValue = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*$/;
/** Browsers compare these without regard to case, and refuse them without `Secure`. */
const securePrefix = /^__(?:host|secure|http)-/i;
/** RFC 6265bis 5.6: a browser keeps no cookie longer. */
const maxAgeCapSeconds = 400 * 24 * 60 * 60;
/** RFC 6265bis 5.6: a browser silently ignores a cookie whose name and value are longer together. */
const maxPairBytes = 4096;

/** What names a session cookie: its `name` and whether it may travel over TLS only. */
export interface CookieIdentity {
  readonly name: string;
  readonly secure: boolean;
}

export interface SessionCookie extends CookieIdentity {
  readonly value: string;
  /** Seconds that the browser may keep it, capped at 400 days. Absent: until the browser closes. */
  readonly maxAgeSeconds?: number;
}

/**
 * The `Set-Cookie` line of a session cookie: `Path=/; HttpOnly; SameSite=Lax`, never `Domain`.
 *
 * @throws SessionError `ERR_SESSION_ARGUMENT` for a name or value outside RFC 6265's grammar, a prefix
 * that needs `Secure` without it, or a pair over 4096 bytes. The message never shows the value.
 */
export function sessionCookie({ name, value, secure, maxAgeSeconds }: SessionCookie): string {
  checkIdentity(name, secure);
  if (typeof value !== 'string' || !legalValue.test(value)) {
    throw refusal(
      `the value of cookie ${name} has a character that RFC 6265 does not allow. Encode it, as base64url say.`,
    );
  }
  if (name.length + value.length > maxPairBytes) {
    throw refusal(
      `cookie ${name} has ${name.length + value.length} bytes of name and value, and browsers drop a cookie over ${maxPairBytes}.`,
    );
  }
  const line = `${name}=${value}${attributes(secure)}`;
  if (maxAgeSeconds === undefined) return line;
  if (!Number.isFinite(maxAgeSeconds) || maxAgeSeconds < 1) {
    throw refusal(`maxAgeSeconds of ${name}: expected a number from 1, got ${describe(maxAgeSeconds)}.`);
  }
  return `${line}; Max-Age=${Math.min(Math.floor(maxAgeSeconds), maxAgeCapSeconds)}`;
}

/** The `Set-Cookie` line that clears what `sessionCookie` set. Throws as it does. */
export function expiredCookie({ name, secure }: CookieIdentity): string {
  checkIdentity(name, secure);
  return `${name}=${attributes(secure)}; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT`;
}

/**
 * Beside the session cookie, for a few seconds: a tag of the last response that changed the session, so that no instance
 * answers this browser from a memory that is older than its own change. It says nothing and opens nothing.
 */
const tagLifeSeconds = 5;
const tagShape = /^[A-Za-z0-9_-]{11}$/;
const tagNameOf = (name: string): string => `${name}-v`;

export function tagCookie({ name, secure }: CookieIdentity, tag: string): string {
  return sessionCookie({ name: tagNameOf(name), value: tag, secure, maxAgeSeconds: tagLifeSeconds });
}

/** The tag beside the session cookie `name`, if there is one; `''`, which no instance remembers, if it can't be one of ours. */
export function tagIn(header: string | undefined, name: string): string | undefined {
  const values = cookieValues(header, tagNameOf(name));
  if (values.length === 0) return undefined;
  const [only = ''] = values;
  return values.length === 1 && tagShape.test(only) ? only : '';
}

function attributes(secure: boolean): string {
  return secure ? '; Path=/; HttpOnly; Secure; SameSite=Lax' : '; Path=/; HttpOnly; SameSite=Lax';
}

function checkIdentity(name: string, secure: boolean): void {
  if (typeof name !== 'string' || !legalName.test(name)) {
    throw refusal(`cookie name: expected letters, digits and !#$%&'*+-.^_\`|~ (RFC 6265), got ${describe(name)}.`);
  }
  if (!secure && securePrefix.test(name)) {
    throw refusal(
      `cookie ${name}: browsers refuse this prefix without Secure. Serve it over https, or take another name.`,
    );
  }
}

function refusal(message: string): SessionError {
  return argumentError(message);
}

/**
 * Adds a `Set-Cookie` line to a response. An earlier line for the same cookie (name, `Domain` and `Path`,
 * as RFC 6265 5.3 tells cookies apart) is replaced, since which of two a browser keeps is a matter of
 * order; all others stay.
 */
export function appendSetCookie(res: ResponseHead, line: string): void {
  const present = res.getHeader('set-cookie');
  if (present === undefined) {
    res.setHeader('Set-Cookie', line);
    return;
  }
  const key = identityOf(line);
  const lines = Array.isArray(present) ? present : [String(present)];
  res.setHeader('Set-Cookie', [...lines.filter((other) => identityOf(other) !== key), line]);
}

function identityOf(line: string): string {
  const [pair = '', ...rest] = line.split(';');
  let domain = '';
  let path = '';
  for (const attribute of rest) {
    const [key = '', value = ''] = attribute.split('=', 2);
    const name = key.trim().toLowerCase();
    if (name === 'domain') domain = value.trim().toLowerCase().replace(/^\./, '');
    else if (name === 'path') path = value.trim();
  }
  return `${pair.split('=', 1)[0]};${domain};${path}`;
}
