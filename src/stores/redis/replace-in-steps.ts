/**
 * A replace between two slots of a cluster, which no script can span. In this order, so that whatever stops it, the old
 * session is as it was or its end is final, and no refusal has cost anybody a session:
 *
 *   1. read the old session           gone or changed: answer so, nothing has happened
 *   2. create the new one             at a limit that evicts it is let in, and nobody is evicted yet
 *   3. end the old one                only at the expected version; its marker names the new one
 *   4. evict the owner's oldest       where a limit asks for it
 *
 * Refused at 3, step 2 is taken back. After a fault at 3 it is taken back too; the call sent again begins anew, and if
 * the old session was ended after all, its marker says that it was for this. Nobody has a token of the new session
 * before the answer is `replaced`: what a crash leaves behind is a session that nobody can use, gone at its deadline.
 */
import type { SessionId, Version } from '../../core/ids.js';
import {
  type Conflict,
  type Ending,
  isEnded,
  type Owning,
  type ReplaceResult,
  type StoredRecord,
} from '../../core/store.js';
import { admissionArguments, evictionArguments } from './admission.js';
import type { Argument } from './clients.js';
import { bufferOf, decode, decodeOutcome, encodeMarker, type Keys, successorOf } from './layout.js';
import type { RedisPort } from './port.js';

export interface Replacement {
  readonly oldId: SessionId;
  readonly expected: Version;
  readonly id: SessionId;
  readonly record: StoredRecord;
  /** The record as it is stored. */
  readonly value: Buffer;
  readonly ending: Ending;
  readonly owning: Owning | undefined;
}

export async function replaceInSteps(port: RedisPort, keys: Keys, call: Replacement): Promise<ReplaceResult> {
  const { oldId, id, record, value, owning } = call;
  const refusal = await refusalOf(port, keys, call);
  if (refusal) return refusal;
  const { owner } = record;
  const owned = owner === undefined ? [] : [keys.index(owner), keys.mark(owner)];
  const admission = admissionArguments(record, owning);
  const evictsLater: Argument[] = admission.length === 0 ? [] : [...admission, '1'];
  const begun = String(decodeOutcome(await port.run('create', [keys.session(id), ...owned], [value, ...evictsLater])));
  if (begun !== 'created') return begun as ReplaceResult;
  let ended: string | Conflict;
  try {
    const marker = encodeMarker(call.ending, id);
    ended = decodeOutcome(
      await port.run('endReplaced', [keys.session(oldId)], [marker, String(call.ending.keepUntil), call.expected, id]),
    );
  } catch (error) {
    await takeBack(port, keys, call).catch(() => undefined);
    throw error;
  }
  if (ended !== 'ended') {
    await takeBack(port, keys, call);
    return ended as ReplaceResult;
  }
  if (owner !== undefined && owning?.limit !== undefined && owning.onExceed === 'evict-oldest') {
    const args = [String(owning.now), String(owning.limit), ...evictionArguments(owning)];
    await port.run('evict', [keys.index(owner)], args);
  }
  return 'replaced';
}

/** Before anything is written: what has ended or changed already is the usual reason to refuse. */
async function refusalOf(port: RedisPort, keys: Keys, call: Replacement): Promise<'gone' | Conflict | undefined> {
  const reply = await port.get(keys.session(call.oldId));
  if (reply === null) return 'gone';
  const value = bufferOf(reply);
  const found = decode(value);
  if (isEnded(found)) return successorOf(value) === call.id ? undefined : 'gone';
  return found.version === call.expected ? undefined : { conflict: found };
}

async function takeBack(port: RedisPort, keys: Keys, { id, record }: Replacement): Promise<void> {
  await port.run('takeBack', [keys.session(id)], [record.version]);
}
