/** The capabilities over two stores. Each goes through `from` first: what moves meanwhile is met in `to`. */
import type { OwnerHash, SessionId } from '../../core/ids.js';
import {
  type Ended,
  type Ending,
  isEnded,
  isSweepable,
  type MaybePromise,
  type OwnerIndexed,
  type Scannable,
  type StoredEntry,
  type StoredRecord,
} from '../../core/store.js';
import { isClaimId, passenger } from './claim.js';
import type { Mover } from './mover.js';

export function ownersOfBoth(
  from: OwnerIndexed,
  to: OwnerIndexed,
  mover: Mover,
  phase: 'prepare' | 'move',
): OwnerIndexed {
  return {
    async listByOwner(owner: OwnerHash) {
      const old = await from.listByOwner(owner);
      const arrived = await mover.arrivedOf(owner);
      const there = new Set(arrived.map(({ id }) => id));
      return [...old.filter(({ id }) => !there.has(id)), ...arrived];
    },

    async endByOwner(owner: OwnerHash, ending: Ending, options: { readonly except?: SessionId } = {}) {
      // All in one store, the sessions end in one step. If they can't be brought there, as when `from` is full, a
      // revocation goes on without: what is wrong with a store for good, its own call below will say.
      if (phase === 'move') await mover.bringAllOf(owner).catch(() => undefined);
      const ended = await from.endByOwner(owner, ending, options);
      // A claim would be ended like a session, the spared one's too.
      await mover.arrivedOf(owner).catch(() => undefined);
      const more = await to.endByOwner(owner, ending, options);
      return [...new Set([...ended, ...more.filter((id) => !isClaimId(id))])];
    },
  };
}

type Read = (id: SessionId) => MaybePromise<StoredRecord | Ended | undefined>;

export function scanBoth(from: Scannable, to: Scannable, read: Read): Scannable['scan'] {
  const scan = async (cursor?: string): Promise<Awaited<ReturnType<Scannable['scan']>>> => {
    const inTo = cursor?.startsWith('to:') === true;
    const rest = cursor?.slice(cursor.indexOf(':') + 1);
    const page = await (inTo ? to : from).scan(rest === '' ? undefined : rest);
    const entries: StoredEntry[] = [];
    for (const entry of page.entries) {
      const found = passenger(entry.record);
      if (!found) entries.push(entry);
      // A session that is on its way counts as there; a stub does not.
      else if (inTo) {
        const record = await read(found.id);
        if (record && !isEnded(record)) entries.push({ id: found.id, record });
      }
    }
    if (page.cursor !== undefined) return { entries, cursor: `${inTo ? 'to' : 'from'}:${page.cursor}` };
    if (inTo) return { entries };
    return entries.length > 0 ? { entries, cursor: 'to:' } : scan('to:');
  };
  return scan;
}

export function sweepBoth(from: object, to: object): (now: number, limit: number) => Promise<number> {
  return async (now, limit) => {
    let removed = 0;
    for (const store of [from, to]) if (isSweepable(store)) removed += await store.sweep(now, limit - removed);
    return removed;
  };
}
