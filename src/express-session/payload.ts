/**
 * express-session's session objects <-> what is sealed in a record. Its stores keep JSON, and its own comparison of what
 * changed is made of JSON, so here too a Date comes back as text and `toJSON` is asked.
 *
 * The data of the record is the codec's plain form of
 *
 *   {"data":D,"cookie":C,"expires":X}
 *
 * D the session without its cookie; C the cookie without `expires`; X null where the cookie has no `expires`, true where
 * it is the record's deadline, which use moves without sealing anew, or a moment (ms since the epoch) where the cookie
 * was shortened and the record's deadline, which never moves back, is later.
 */
import { decodeData } from '../core/codec.js';
import { argumentError, describe, SessionError } from '../core/errors.js';

/** A session as text: two of them say the same if their texts are equal. */
export interface Texts {
  readonly data: string;
  readonly cookie: string;
  readonly expires: Expires;
}

export type Expires = null | true | number;

/** What a request wants stored. */
export interface Draft {
  readonly data: string;
  readonly cookie: string;
  /** Whether the cookie has an `expires`. */
  readonly hasExpires: boolean;
  /** When it is over unless it is used again (ms since the epoch). */
  readonly expiresAt: number;
  /** How long it lives from each use on. */
  readonly lifetimeMs: number;
}

const dataAt = '{"data":';
const cookieAt = ',"cookie":';
const expiresAt = ',"expires":';

/** The session as it is at this moment. Throws a SessionError for what JSON can't say or what could not be read back. */
export function draftOf(session: unknown, now: number, idleMs: number, maxBytes: number): Draft {
  const use = useOf(session, now, idleMs);
  const { cookie: _, ...data } = session as Record<string, unknown>;
  const text = jsonOf(data);
  const bytes = Buffer.byteLength(text) + Buffer.byteLength(use.cookie);
  if (bytes > maxBytes) throw tooLarge(data, bytes, maxBytes);
  return { data: text, ...use };
}

/** What the session's cookie says at this moment: all that a use without a change has to tell. */
export function useOf(session: unknown, now: number, idleMs: number): Omit<Draft, 'data'> {
  if (typeof session !== 'object' || session === null) throw notASession(describe(session));
  const { cookie } = session as Record<string, unknown>;
  if (typeof cookie !== 'object' || cookie === null) throw notASession('one without a cookie');
  const { expires, ...fields } = cookieFields(cookie);
  const text = jsonOf(fields);
  const moment = momentOf(expires);
  if (moment === undefined) return { cookie: text, hasExpires: false, expiresAt: now + idleMs, lifetimeMs: idleMs };
  const { originalMaxAge } = fields;
  const rolls = typeof originalMaxAge === 'number' && originalMaxAge > 0;
  const lifetimeMs = rolls ? originalMaxAge : moment - now;
  return { cookie: text, hasExpires: true, expiresAt: moment, lifetimeMs };
}

/** A Cookie of express-session answers `toJSON`; sessions that an app made by hand have plain fields. */
function cookieFields(cookie: object): Record<string, unknown> {
  const { toJSON } = cookie as { toJSON?: unknown };
  return (typeof toJSON === 'function' ? toJSON.call(cookie) : cookie) as Record<string, unknown>;
}

function momentOf(expires: unknown): number | undefined {
  // A number: express-openid-connect, which keeps its sessions in stores of express-session, writes ms since the epoch.
  const given = typeof expires === 'string' ? Date.parse(expires) : expires instanceof Date ? +expires : expires;
  const moment = typeof given === 'number' ? given : Number.NaN;
  return Number.isNaN(moment) ? undefined : moment;
}

function jsonOf(value: object): string {
  let text: unknown;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw new SessionError(
      'ERR_SESSION_DATA_UNSUPPORTED',
      'The session has a value that JSON can not say, such as a BigInt or a cycle; nothing was stored.',
      { cause },
    );
  }
  if (typeof text === 'string' && text.startsWith('{') && isReadable(text)) return text;
  throw new SessionError(
    'ERR_SESSION_DATA_UNSUPPORTED',
    'The session has a `__proto__` key, a `toJSON` of its own, or is nested too deep; nothing was stored.',
  );
}

/** What the codec would refuse when it is read must be refused now: a session that can't be read back is lost. */
function isReadable(text: string): boolean {
  if (!text.includes('__proto__') && !text.includes('\\u')) return true;
  try {
    decodeData(Buffer.from(`\u0001${dataAt}${text}}`));
    return true;
  } catch {
    return false;
  }
}

function tooLarge(data: Record<string, unknown>, bytes: number, maxBytes: number): SessionError {
  const sizes = Object.entries(data).map(([key, value]) => [key, JSON.stringify(value)?.length ?? 0] as const);
  const [path = 'cookie', size = 0] = sizes.sort((a, b) => b[1] - a[1])[0] ?? [];
  return new SessionError(
    'ERR_SESSION_DATA_TOO_LARGE',
    `The session takes ${bytes} bytes; the limit is ${maxBytes}. Its largest key is ${path} (about ${size} bytes). ` +
      'Keep large values in a database and their ids in the session, or raise maxDataBytes.',
    { path },
  );
}

const notASession = (received: string): SessionError =>
  argumentError(`set: expected a session of express-session, got ${received}.`);

export function encodeTexts({ data, cookie, expires }: Texts): string {
  return `\u0001${dataAt}${data}${cookieAt}${cookie}${expiresAt}${expires}}`;
}

export interface Payload {
  readonly texts: Texts;
  readonly data: Record<string, unknown>;
  readonly cookie: Record<string, unknown>;
}

/** What `encodeTexts` wrote; undefined for anything else. */
export function readPayload(bytes: Uint8Array): Payload | undefined {
  let whole: Record<string, unknown>;
  try {
    whole = decodeData(bytes);
  } catch {
    return undefined;
  }
  const { data, cookie, expires } = whole;
  if (!isObject(data) || !isObject(cookie)) return undefined;
  if (expires !== null && expires !== true && typeof expires !== 'number') return undefined;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8', 1);
  const cookieText = JSON.stringify(cookie);
  const end = text.length - (cookieAt.length + cookieText.length + `${expiresAt}${expires}}`.length);
  return { texts: { data: text.slice(dataAt.length, end), cookie: cookieText, expires }, data, cookie };
}

/** The same from texts that `readPayload` gave, or that were stored. Nothing is shared. */
export function payloadOf(texts: Texts): Payload {
  return { texts, data: JSON.parse(texts.data), cookie: JSON.parse(texts.cookie) };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The object that express-session makes a session of. */
export function sessionFrom({ data, cookie, texts }: Payload, deadline: number): Record<string, unknown> {
  return Object.assign(data, { cookie: { ...cookie, expires: texts.expires === null ? null : new Date(deadline) } });
}
