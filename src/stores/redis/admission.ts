/** An owner's limit as the arguments that create.lua and replace.lua take. */
import type { Owning, StoredRecord } from '../../core/store.js';
import type { Argument } from './clients.js';
import { encodeMarker } from './layout.js';

/** None where nothing limits the record. */
export function admissionArguments({ owner }: StoredRecord, owning: Owning | undefined): Argument[] {
  if (owner === undefined || owning === undefined) return [];
  const { now, startedAt, limit, onExceed } = owning;
  const limited = limit === undefined ? '' : String(limit);
  const evicts = onExceed === 'evict-oldest' ? '1' : '';
  return [String(now), String(startedAt), limited, evicts, ...evictionArguments(owning)];
}

/** The marker of the evicted, and until when it is kept. */
export function evictionArguments({ now, keepUntil = now }: Owning): Argument[] {
  return [encodeMarker({ reason: 'evicted', at: now }), String(keepUntil)];
}
