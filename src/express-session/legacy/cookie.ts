/**
 * express-session's cookie: `s:<sid>.<HMAC-SHA-256 of the sid as base64 without padding>`, percent-encoded as a URI
 * component. Read strictly: what express-session would not have written in exactly this way is not looked at.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { SessionHandle } from '../../core/handle.js';
import { cookieValues } from '../../http/cookie.js';
import type { MigrateFrom } from './face.js';

const signature = /^[A-Za-z0-9+/]{43}$/;
const longest = 1_024;

/** The ids that these secrets have signed, each once. */
export function sidsIn(header: string, name: string, secrets: readonly string[]): readonly string[] {
  const found = new Set<string>();
  for (const value of cookieValues(header, name)) {
    const sid = unsigned(value, secrets);
    if (sid !== undefined) found.add(sid);
  }
  return [...found];
}

function unsigned(value: string, secrets: readonly string[]): string | undefined {
  if (value.length > longest) return undefined;
  let text: string;
  try {
    text = decodeURIComponent(value);
  } catch {
    return undefined;
  }
  const dot = text.lastIndexOf('.');
  const [sid, mac] = [text.slice(2, dot), text.slice(dot + 1)];
  if (dot < 3 || !text.startsWith('s:') || !signature.test(mac) || encodeURIComponent(text) !== value) return undefined;
  const given = Buffer.from(mac);
  const isRight = (secret: string) => {
    const right = createHmac('sha256', secret).update(sid).digest('base64').slice(0, 43);
    return timingSafeEqual(given, Buffer.from(right));
  };
  return secrets.some(isRight) ? sid : undefined;
}

/** The line that takes the old cookie from the browser: with the response that ended or replaced its session, or signed in. */
export function expiredCookie(
  { name, path, domain }: MigrateFrom,
  { cookie, stored, isNew, phase, oldGone }: SessionHandle,
  secure: boolean,
): string | undefined {
  const { owner, pending, movedFrom } = stored?.header ?? {};
  const begun = movedFrom !== undefined || (isNew && !oldGone && owner === undefined && pending === undefined);
  const signedOut = oldGone && phase === 'ended';
  if (!signedOut && (cookie === 'keep' || (cookie === 'set' && begun))) return undefined;
  const where = `Path=${path}${domain === undefined ? '' : `; Domain=${domain}`}`;
  return `${name}=; ${where}; HttpOnly${secure ? '; Secure' : ''}; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT`;
}
