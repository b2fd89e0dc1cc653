/**
 * Carries a session from one store to the other. A move changes where a session is, never what it is: id, version,
 * payload, deadline and owner stay, so whatever comes after it is one step of the store where the session is then.
 *
 *   1. `to` creates a claim, which holds the record
 *   2. `from` replaces the session, at the version that the claim holds, by a stub: its marker names the move
 *   3. `to` replaces the claim by the session
 *
 * Until 2 the session is in `from`; from 3 on it is in `to`. Between them it is on its way: the marker says so, and
 * whoever meets it makes step 3. Each step is one compare-and-set of one store, so movers can't overtake each other:
 *
 *   - a change in `from` after 1 makes 2 a conflict, and the claim worthless
 *   - an end in `from` before 2 makes 2 fail; after 2 it meets the marker, and follows the session
 *   - step 3 happens once, since it uses the claim up: a mover that was paused for a day can bring nothing back
 */
import { SessionError } from '../../core/errors.js';
import type { OwnerHash, SessionId } from '../../core/ids.js';
import {
  type Ended,
  isEnded,
  type OwnerIndexed,
  type SessionStore,
  type StoredEntry,
  type StoredRecord,
} from '../../core/store.js';
import { claimId, claimOf, type MoveKey, movedEnding, moveKey, moveOf, passenger, stubId, stubOf } from './claim.js';

/** Each attempt fails only when somebody else's change came between. */
const mostAttempts = 50;

export class Mover {
  readonly #from: SessionStore & Partial<OwnerIndexed>;
  readonly #to: SessionStore & Partial<OwnerIndexed>;

  /** How many sessions have left `from` by this process. */
  moved = 0;

  constructor(from: SessionStore, to: SessionStore) {
    this.#from = from;
    this.#to = to;
  }

  /** Moves a session, if it is in `from`. `moved`: `to` is to be asked for it; `ended` in `from`; `unknown` there. */
  async bring(id: SessionId): Promise<'moved' | 'ended' | 'unknown'> {
    for (let attempt = 0; attempt < mostAttempts; attempt++) {
      const found = await this.#from.read(id);
      if (!found) return 'unknown';
      if (isEnded(found)) return (await this.follow(id, found)) ? 'moved' : 'ended';
      const brought = found.owner === undefined ? [] : await this.bringAllOf(found.owner);
      if (!brought.includes(id)) await this.#move(id, found);
    }
    throw new Error(`the session was changed ${mostAttempts} times while it was being moved`);
  }

  /** All of an owner's, oldest first, so that their order stays; answers those it tried. Before anything of theirs is created in `to`. */
  async bringAllOf(owner: OwnerHash): Promise<SessionId[]> {
    const entries = (await this.#from.listByOwner?.(owner)) ?? [];
    for (const { id, record } of entries) await this.#move(id, record);
    await this.arrivedOf(owner);
    return entries.map(({ id }) => id);
  }

  /** An owner's sessions in `to`, after those on their way have arrived and worthless claims are gone. */
  async arrivedOf(owner: OwnerHash): Promise<readonly StoredEntry[]> {
    for (let attempt = 0; ; attempt++) {
      const entries = (await this.#to.listByOwner?.(owner)) ?? [];
      const [sessions, claims] = [[], []] as [StoredEntry[], StoredEntry[]];
      for (const entry of entries) (passenger(entry.record) ? claims : sessions).push(entry);
      if (claims.length === 0 || attempt === mostAttempts) return sessions;
      for (const claim of claims) await this.#settle(claim);
    }
  }

  /** True for the marker of a session that has moved, and then it has arrived, or what ended it on its way has. */
  async follow(id: SessionId, marker: Ended): Promise<boolean> {
    const key = moveOf(marker);
    if (key === undefined) return false;
    const claim = await this.#to.read(claimId(id, key));
    const found = claim && !isEnded(claim) && passenger(claim);
    if (found) await this.#arrive(id, key, found.record);
    return true;
  }

  /** Why a session ended on its way, as a revocation in `to` can make it. */
  async endedOnItsWay(id: SessionId, marker: Ended): Promise<Ended | undefined> {
    const key = moveOf(marker);
    const claim = key === undefined ? undefined : await this.#to.read(claimId(id, key));
    return claim && isEnded(claim) && moveOf(claim) === undefined ? claim : undefined;
  }

  async #move(id: SessionId, record: StoredRecord): Promise<void> {
    refuseLeft(await this.#to.read(id));
    const key = moveKey(id, record.version);
    // Whatever the answer: the claim of a version is always the same. One that was ended stays so, and with it the
    // session ends in step 2.
    await this.#to.create(claimId(id, key), claimOf(id, record));
    // A claim that a stopped mover left may be older than the last touch.
    await this.#to.touch(claimId(id, key), record.idleDeadline);
    const ending = movedEnding(key, record);
    const left = await this.#from.replace(id, record.version, stubId(id, key), stubOf(id, record), ending);
    if (left === 'replaced') {
      this.moved++;
      await this.#arrive(id, key, record);
    }
    // This version is no more, so nobody will ever use its claim; unless it is gone by this very move.
    else if (typeof left === 'object' || !(await this.#hasLeft(id, key))) await this.#to.end(claimId(id, key), ending);
  }

  async #hasLeft(id: SessionId, key: MoveKey): Promise<boolean> {
    const found = await this.#from.read(id);
    return found !== undefined && isEnded(found) && moveOf(found) === key;
  }

  async #arrive(id: SessionId, key: MoveKey, record: StoredRecord): Promise<void> {
    const answer = await this.#to.replace(claimId(id, key), record.version, id, record, movedEnding(key, record));
    if (answer === 'exists') refuseLeft(await this.#to.read(id));
  }

  /** A claim is of a session that has left, that has yet to leave, or of a version that is no more. */
  async #settle({ id: claim, record }: StoredEntry): Promise<void> {
    const found = passenger(record);
    if (!found) return;
    const { id } = found;
    const key = moveKey(id, record.version);
    const left = await this.#from.read(id);
    if (left && isEnded(left) && moveOf(left) === key) await this.#arrive(id, key, found.record);
    else if (left && !isEnded(left) && left.version === record.version) await this.#move(id, left);
    else await this.#to.end(claim, movedEnding(key, record));
  }
}

/** Throws where the session has once left `to`: its marker there keeps the id taken, and moving back would lose it. */
export function refuseLeft(found: StoredRecord | Ended | undefined): void {
  if (!found || !isEnded(found) || moveOf(found) === undefined) return;
  throw new SessionError(
    'ERR_SESSION_STORE_UNAVAILABLE',
    'migrating: to: expected a store that the session has never left, got one with the marker of an earlier move. Move back only into an empty store, or under another prefix, collection or table.',
  );
}
