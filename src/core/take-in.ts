import type { Engine } from './engine.js';
import type { SessionHandle, Stored } from './handle.js';
import { storedOf } from './refusals.js';
import { dataOf, fill } from './session.js';
import { decodeStored } from './stored-data.js';

/** The session becomes what `update()` has stored; what the handler has not saved yet stays on top. */
export function takeIn(engine: Engine, handle: SessionHandle, before: Stored): void {
  const session = engine.sessionOf(handle);
  const stored = storedOf(handle);
  try {
    // Decoded anew: `change` may have put an object of the session's own into its draft.
    fill(session, engine.changes.mergeOver(before, { ...dataOf(session) }, stored) ?? decodeStored(stored));
  } catch (error) {
    // What the handler put in meanwhile can't be stored. The session is of the state before, so that is its base, and
    // its version too: a commit meets a conflict, and merges.
    const { version, data, decoded } = before;
    handle.stored = { ...stored, version, data, ...(decoded && { decoded }) };
    throw error;
  }
}
