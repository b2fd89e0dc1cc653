/**
 * What touches several documents of an owner, in an order: one document per owner, `owner:<hash>`, is a queue of length
 * one. Each sign-in and each endByOwner writes what it is about to do into it, by compare-and-set on `tx`, and does it
 * then; whoever comes next does first what is written there. So of two at the same time one sees what the other has done,
 * and a process that dies in between leaves a note of what is left to do, not a mess.
 *
 *   tx       names this state of the document, random
 *   serial   counts the changes; what a new session is ordered by
 *   mark     at, keepUntil: when everything of the owner was ended
 *   op       entry: id, ticket, evict (ids, at, keepUntil), leaving (the old session of a replace)
 *            or end: ending, except, by
 *
 * Each step of an op may be done twice, by anybody, at any time later, and changes nothing then:
 *
 *   entry   1. of a replace: end the old session at the expected version; refused, the pending one is dropped, and done
 *           2. end those who must go            3. make the pending session live, with this serial
 *   end     every session of the owner up to this serial, but the excepted one
 *
 * Evicted before the new one is live, so the limit is never exceeded. An op is over when its session is not pending.
 */
import type { OwnerHash, SessionId } from '../../core/ids.js';
import type { Ending, Owning, StoredRecord } from '../../core/store.js';
import { endable, expiry, intoMarker } from './documents.js';
import { isDuplicate, type MongodbCollection } from './port.js';
import { type Leaving, randomName, type Sessions } from './sessions.js';

interface Entry {
  readonly id: SessionId;
  readonly ticket: string;
  readonly evict: readonly SessionId[];
  readonly evicted: Ending;
  readonly leaving?: Leaving;
}

interface End {
  readonly ending: Ending;
  readonly except?: SessionId;
  readonly by: string;
}

interface State {
  readonly tx: string;
  readonly serial: number;
  readonly mark?: { readonly at: number; readonly keepUntil: number };
  readonly entry?: Entry;
  readonly end?: End;
  readonly expireAt: Date;
}

interface Head {
  readonly _id: SessionId;
  readonly serial: number;
  readonly idleDeadline: number;
}

/** Who wants in: a new session of an owner, with the session that it replaces. */
export interface Arrival {
  readonly id: SessionId;
  readonly record: StoredRecord & { readonly owner: OwnerHash };
  readonly owning?: Owning | undefined;
  readonly leaving?: Leaving;
}

type Refusal = 'limit' | 'barred';
/** `refused`: the old session is not as expected. */
export type Entered = 'entered' | 'exists' | 'refused' | Refusal;

/** How long a document that bars nobody outlives its last change: long enough for any call that was begun before it. */
const restMs = 3_600_000;

export class Owners {
  readonly #collection: MongodbCollection;
  readonly #sessions: Sessions;

  constructor(collection: MongodbCollection, sessions: Sessions) {
    this.#collection = collection;
    this.#sessions = sessions;
  }

  async enter(arrival: Arrival): Promise<Entered> {
    const { id, record, owning, leaving } = arrival;
    const now = owning?.now ?? Date.now();
    let ticket: string | undefined;
    for (;;) {
      const state = await this.settled(record.owner);
      const plan = await this.#plan(state, arrival);
      // Counted one by one, while others may have come and gone: a refusal counts only if nobody has.
      if (plan === 'limit' && (await this.#tx(record.owner)) !== state?.tx) continue;
      if (plan === 'limit' || plan === 'barred') {
        const own = await this.#own(arrival);
        if (own === 'again') continue;
        return own === 'entered' ? own : plan;
      }
      if (ticket === undefined) {
        const begun = await this.#sessions.begin(id, record);
        if (begun === 'live') return 'entered';
        if (begun === 'exists') return 'exists';
        ticket = begun.ticket;
      }
      const evicted = { reason: 'evicted', at: now, keepUntil: owning?.keepUntil ?? now };
      const entry: Entry = { id, ticket, evict: plan.evict, evicted, ...(leaving && { leaving }) };
      if (!(await this.#advance(record.owner, state, { serial: plan.serial, entry }, now))) continue;
      const done = await this.#perform(record.owner, entry, plan.serial);
      if (done !== 'over') return done;
      // Somebody else has done it, or has dropped the pending session for the same call sent again.
      if (await this.#hasLived(arrival)) return 'entered';
      ticket = undefined;
    }
  }

  /** Answers the ids that this call ended. */
  async endAll(owner: OwnerHash, ending: Ending, except?: SessionId): Promise<readonly SessionId[]> {
    for (;;) {
      const state = await this.settled(owner);
      const heads = await this.#heads(owner, endable);
      const ids = heads.flatMap(({ _id }) => (_id === except ? [] : _id));
      const serial = nextSerial(state, heads);
      const mark = {
        at: Math.max(ending.at, state?.mark?.at ?? ending.at),
        keepUntil: Math.max(ending.keepUntil, state?.mark?.keepUntil ?? ending.keepUntil),
      };
      const end: End = { ending, by: randomName(), ...(except !== undefined && { except }) };
      const next = ids.length === 0 ? { serial, mark } : { serial, mark, end };
      if (!(await this.#advance(owner, state, next, ending.at))) continue;
      if (ids.length === 0) return ids;
      if ((await this.#performEnd(owner, end, serial)) === ids.length) return ids;
      const filter = { _id: { $in: ids }, by: end.by };
      const ended = await this.#collection.find(filter, { projection: { _id: 1 } }).toArray();
      return (ended as Head[]).map(({ _id }) => _id);
    }
  }

  /** The owner's document, with everything done that is written there. */
  async settled(owner: OwnerHash): Promise<State | undefined> {
    const state = (await this.#collection.findOne({ _id: keyOf(owner) })) as State | null;
    if (state?.entry && (await this.#sessions.isPending(state.entry.id, state.entry.ticket))) {
      await this.#perform(owner, state.entry, state.serial);
    }
    if (state?.end) await this.#performEnd(owner, state.end, state.serial);
    return state ?? undefined;
  }

  async #tx(owner: OwnerHash): Promise<string | undefined> {
    const found = await this.#collection.findOne({ _id: keyOf(owner) }, { projection: { tx: 1 } });
    return (found as Pick<State, 'tx'> | null)?.tx;
  }

  /** Whether there is room, and who must go. */
  async #plan(
    state: State | undefined,
    { id, record, owning, leaving }: Arrival,
  ): Promise<Refusal | { readonly serial: number; readonly evict: readonly SessionId[] }> {
    const { mark } = state ?? {};
    if (mark && owning && owning.startedAt <= mark.at && owning.now < mark.keepUntil) return 'barred';
    if (state && owning?.limit === undefined) return { serial: state.serial + 1, evict: [] };
    const heads = await this.#heads(record.owner);
    const serial = nextSerial(state, heads);
    if (owning?.limit === undefined) return { serial, evict: [] };
    const { now, limit, onExceed } = owning;
    const counted = ({ _id, idleDeadline }: Head) => idleDeadline > now && _id !== id && _id !== leaving?.id;
    const live = heads.filter(counted).map(({ _id }) => _id);
    if (live.length < limit) return { serial, evict: [] };
    if (onExceed !== 'evict-oldest' || limit < 1) return 'limit';
    return { serial, evict: live.slice(0, live.length + 1 - limit) };
  }

  /** What an arrival that is refused has left behind, or has already become when it was sent before. */
  async #own({ id, record }: Arrival): Promise<'entered' | 'nothing' | 'again'> {
    const found = await this.#sessions.find(id);
    if (found === undefined || found.kind === 'ended' || found.version !== record.version) return 'nothing';
    if (found.kind === 'session') return 'entered';
    return (await this.#sessions.drop(id, found.ticket ?? '')) ? 'nothing' : 'again';
  }

  async #hasLived({ id, record }: Arrival): Promise<boolean> {
    const found = await this.#sessions.find(id);
    return (
      found !== undefined && (found.kind === 'ended' || (found.kind === 'session' && found.version === record.version))
    );
  }

  async #perform(owner: OwnerHash, entry: Entry, serial: number): Promise<'entered' | 'refused' | 'over'> {
    const { id, ticket, evict, evicted, leaving } = entry;
    if (leaving && !(await this.#sessions.giveWay(leaving, id))) {
      await this.#sessions.drop(id, ticket);
      return 'refused';
    }
    if (evict.length > 0) {
      await this.#collection.updateMany({ _id: { $in: evict }, kind: 'session', owner }, intoMarker(evicted));
    }
    return (await this.#sessions.goLive(id, ticket, serial)) ? 'entered' : 'over';
  }

  async #performEnd(owner: OwnerHash, { ending, except, by }: End, serial: number): Promise<number> {
    const filter = {
      owner,
      kind: endable,
      // Of a newer release it may have another name.
      serial: { $not: { $gt: serial } },
      ...(except !== undefined && { _id: { $ne: except } }),
    };
    return (await this.#collection.updateMany(filter, intoMarker(ending, { by }))).modifiedCount;
  }

  /** In order of creation. */
  async #heads(owner: OwnerHash, kind: object | string = 'session'): Promise<readonly Head[]> {
    const options = { projection: { serial: 1, idleDeadline: 1 }, sort: { serial: 1 } };
    return (await this.#collection.find({ owner, kind }, options).toArray()) as Head[];
  }

  /** Compare-and-set. False: somebody else was first. */
  async #advance(
    owner: OwnerHash,
    state: State | undefined,
    next: Pick<State, 'serial' | 'mark' | 'entry' | 'end'>,
    now: number,
  ): Promise<boolean> {
    const mark = next.mark ?? state?.mark;
    const kept = expiry(Math.max(now + restMs, mark?.keepUntil ?? 0)).getTime();
    const fields = {
      kind: 'owner',
      tx: randomName(),
      ...next,
      expireAt: new Date(Math.max(kept, state?.expireAt.getTime() ?? 0)),
    };
    if (state) {
      const $unset = { ...(!next.entry && { entry: '' }), ...(!next.end && { end: '' }) };
      const { matchedCount } = await this.#collection.updateOne(
        { _id: keyOf(owner), tx: state.tx },
        { $set: fields, $unset },
      );
      return matchedCount === 1;
    }
    try {
      await this.#collection.insertOne({ _id: keyOf(owner), ...fields });
      return true;
    } catch (error) {
      if (isDuplicate(error)) return false;
      throw error;
    }
  }
}

/** After all that are there: the owner's document may have expired before its sessions, and begins anew then. */
const nextSerial = (state: State | undefined, heads: readonly Head[]): number =>
  Math.max(state?.serial ?? 0, heads.findLast(({ serial }) => Number.isFinite(serial))?.serial ?? 0) + 1;

const keyOf = (owner: OwnerHash): string => `owner:${owner}`;
