/**
 * Which secrets are good enough to start with. A leaked or guessable secret lets a thief of the store read every
 * record (CVE-2020-17526 was a default secret shared by thousands of sites), so a weak one stops the start.
 */
import { describe, optionError, SessionError } from './errors.js';

/** 256 bits, what HKDF-SHA-256 can make use of. */
const fewestBytes = 32;

/** Fewer different characters than this in 32 is a pattern, not a random string (16 for hex, in the mean 14 of them). */
const fewestDistinct = 8;

/** Pieces of secrets that stand in tutorials, READMEs and sample files, in lower case and without separators. */
const wellKnown = [
  'keyboardcat',
  'changeme',
  'changethis',
  'replaceme',
  'replacethis',
  'yoursecret',
  'yoursessionsecret',
  'mysecret',
  'mysessionsecret',
  'supersecret',
  'secretkey',
  'topsecret',
  'sessionsecret',
  'thisisasecret',
  'notasecret',
  'password',
  'example',
  'lorem',
  'default',
  'development',
  'qwerty',
  'abcdefghij',
  '0123456789abcdef0123',
];

export const howToMakeASecret =
  "Make one with:  node -e \"console.log(require('node:crypto').randomBytes(32).toString('base64url'))\"\n" +
  'and pass it in:  session({ secret: process.env.SESSION_SECRET, ... })';

/** The secrets as a list, newest first; throws for any that is weak. The message never shows one. */
export function checkSecrets(value: unknown, option = 'secret'): readonly string[] {
  const list = Array.isArray(value) ? value : [value];
  // Of another function's option: session() is not where it goes.
  const how = option === 'secret' ? howToMakeASecret : howToMakeASecret.split('\n', 1)[0];
  if (list.length === 0) {
    throw new SessionError(
      'ERR_SESSION_SECRET_REQUIRED',
      `${option}: expected at least one secret, got an empty array.\n${how}`,
    );
  }
  if (list.length > 16) {
    throw optionError(
      `${option}: expected at most 16 secrets, got ${list.length}. Remove the ones that no session uses any more.`,
    );
  }
  list.forEach((secret: unknown, index) => {
    const name = Array.isArray(value) ? `${option}[${index}]` : option;
    if (typeof secret !== 'string') {
      const received = typeof secret === 'object' ? describe(secret) : typeof secret;
      throw new SessionError('ERR_SESSION_SECRET_REQUIRED', `${name}: expected a string, got ${received}.\n${how}`);
    }
    const weakness = weaknessOf(secret);
    if (weakness) {
      throw new SessionError(
        'ERR_SESSION_SECRET_WEAK',
        `${name}: expected at least ${fewestBytes} random bytes, got ${weakness}.\n${how}`,
      );
    }
  });
  if (new Set(list).size !== list.length) {
    throw optionError(`${option}: expected different secrets, got the same one twice. Remove the copy.`);
  }
  return list as string[];
}

function weaknessOf(secret: string): string | undefined {
  const bytes = Buffer.byteLength(secret);
  if (bytes < fewestBytes) return `${bytes} bytes`;
  const plain = secret.toLowerCase().replace(/[^a-z0-9]/g, '');
  const known = wellKnown.find((piece) => plain.includes(piece));
  if (known) return `a well-known one (it contains "${known}")`;
  if (new Set(secret).size < fewestDistinct) return `one with fewer than ${fewestDistinct} different characters`;
  if (repeats(secret)) return 'a short piece repeated';
  return undefined;
}

/** A string with a period of at most half its length stands a second time, shifted, inside its own double. */
function repeats(text: string): boolean {
  const period = (text + text).indexOf(text, 1);
  return period <= text.length / 2;
}
