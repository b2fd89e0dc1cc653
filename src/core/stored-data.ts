/** The app's data of a session, between the object that a handler holds and the encoded form that is compared, sealed and merged. */
import { decodeData, encodeData, isPlain } from './codec.js';
import { SessionError } from './errors.js';
import type { Stored } from './handle.js';
import { copyJson, sameMembers, weightOf } from './json-copy.js';
import { unreadable } from './refusals.js';
import { type Data, dataOf, reservedNames, Session } from './session.js';

/**
 * What was decoded once is copied afterwards, as long as the stored state is remembered and takes little memory.
 * `toChange`: another state most likely takes its place soon, and to keep this one would cost more than it saves.
 */
export function decodeStored(stored: Stored, toChange = false): Data {
  const { decoded } = stored;
  if (decoded?.value) return copyJson(decoded.value);
  const data = decode(stored);
  // The cache reckons with three times the text and a share in 1 KiB: what takes more would break its bound (G12).
  if (toChange || !decoded || !isPlain(stored.data) || weightOf(data) > 3 * stored.data.length + 1_024) return data;
  decoded.value = data;
  return copyJson(data);
}

/** Whether the session holds what is stored, by a look at both. No may also mean that only the codec can tell. */
export function isUntouched(session: Session, { decoded }: Stored): boolean {
  return decoded?.value !== undefined && sameMembers(session, decoded.value);
}

function decode(stored: Stored): Data {
  try {
    return decodeData(stored.data);
  } catch (cause) {
    // The seal held, so these bytes are ours: a newer version wrote them. Never overwrite what can't be read.
    throw unreadable('newer-format', cause);
  }
}

/** `legacy`: the taken names that a record has already. */
export function encodeSession(session: Session | Data, maxBytes: number, legacy?: Data): Uint8Array {
  for (const name of reservedNames) {
    if (Object.hasOwn(session, name) && !(legacy && Object.hasOwn(legacy, name))) {
      throw new SessionError(
        'ERR_SESSION_NAME_RESERVED',
        `req.session.${name}: the name is taken by the session itself.`,
        {
          path: name,
        },
      );
    }
  }
  return encodeData(session instanceof Session ? dataOf(session) : session, { maxBytes });
}

export const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
