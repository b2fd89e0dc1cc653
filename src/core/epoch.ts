/**
 * The moment before which every session of the app is over: `revokeEverything`. No store could end all sessions in one
 * step, and a walk through them would miss the sign-ins that are under way. So the moment is kept in the store as a record
 * of its own, sealed like a session, and a session that was begun at or before it, by the start of the request that began it, opens
 * for nobody.
 *
 * Each key of the ring has such a record, under an id that follows from the key and the audience, and the latest moment of
 * them holds. So the record goes out of use with its secret, as the sessions that it is about do: nobody is kept out by
 * a record that no key opens any more. While a ring has several keys the moment is written under each, because a session
 * from before it may be sealed under any of them.
 *
 * Each process reads it at most once in `leaseMs` while it has requests with a session, and serves none on knowledge that
 * is older. `move` resolves once that time has passed after the write, so every process knows then.
 *
 *   plaintext: byte 0 format, 1; then JSON: { at, reason }
 */
import { createHmac } from 'node:crypto';
import type { Clock } from './clock.js';
import { SessionError } from './errors.js';
import type { Events } from './events.js';
import type { OwnerHash, SessionId } from './ids.js';
import type { PurposeKeys } from './keyring.js';
import { isPromise } from './maybe-promise.js';
import type { Parts } from './parts.js';
import { busy, unreadable } from './refusals.js';
import type { Sealer, SealFault } from './seal.js';
import { type Ended, isEnded, type MaybePromise, type SessionStore, type StoredRecord } from './store.js';
import type { StoreGuard } from './store-guard.js';
import { newVersion } from './token.js';

const leaseMs = 1_000;
const format = 1;
const mostTries = 8;
/** Longer than any session can live. */
const keptMs = 400 * 24 * 60 * 60_000;
/** No clock that is kept in time differs by so much: a moment further ahead comes from one that ran wrong. */
const mostAheadMs = 5_000;

export interface Moment {
  /** Ms since the epoch. */
  readonly at: number;
  readonly reason: string;
}

/** Where the moment is kept under one key of the ring. */
interface Place {
  readonly id: SessionId;
  readonly keys: PurposeKeys;
}

export class Epoch {
  /** Newest key first. */
  readonly #places: readonly Place[];
  readonly #store: SessionStore;
  readonly #guard: StoreGuard;
  readonly #events: Events;
  readonly #sealer: Sealer;
  readonly #clock: Clock;
  readonly #moved: () => void;
  readonly #isWatched: () => boolean;
  #known: Moment | undefined;
  /** When what is known was asked for, by both clocks: one stands still while a machine sleeps, the other can be set. */
  #askedAt = Number.NEGATIVE_INFINITY;
  #askedWallAt = Number.NEGATIVE_INFINITY;
  #reading: { readonly askedAt: number; readonly answer: Promise<Moment | undefined> } | undefined;
  #cancelBeat: (() => void) | undefined;
  #closed = false;

  /** `moved` runs when sessions that were alive a moment ago may be over; `isWatched` says whether somebody waits to be told. */
  constructor(
    store: SessionStore,
    { config, guard, events, keyring }: Pick<Parts, 'config' | 'guard' | 'events' | 'keyring'>,
    sealer: Sealer,
    moved: () => void,
    isWatched: () => boolean,
  ) {
    this.#places = keyring.all.map((keys) => ({ id: idOf(keys, config.audience), keys }));
    this.#store = store;
    this.#guard = guard;
    this.#events = events;
    this.#sealer = sealer;
    this.#clock = config.clock;
    this.#moved = moved;
    this.#isWatched = isWatched;
  }

  /** The moment as it was at most `leaseMs` ago; undefined if there is none. */
  now(): MaybePromise<Moment | undefined> {
    const monotonic = this.#clock.monotonic();
    if (monotonic - this.#askedAt < leaseMs && Math.abs(this.#clock.now() - this.#askedWallAt) < leaseMs)
      return this.#known;
    if (this.#reading && monotonic - this.#reading.askedAt < leaseMs) return this.#reading.answer;
    return this.#ask();
  }

  /** Whether a record of this id says when everything was revoked: it is no session. */
  has(id: SessionId): boolean {
    return this.#places.some((place) => place.id === id);
  }

  /**
   * Ends every session that was begun until now. Never moves back, but for a moment that lies so far ahead that a clock
   * must have run wrong: it would keep everybody out until then. Other processes know when `everywhere` has resolved.
   */
  async move(reason: string): Promise<void> {
    const moment: Moment = { at: this.#clock.now(), reason };
    for (const place of this.#places) this.#learn(await this.#moveAt(place, moment));
  }

  /** Resolves when no process serves on what it knew before `move`. */
  async everywhere(): Promise<void> {
    await new Promise<void>((resolve) => void this.#clock.after(leaseMs, resolve));
  }

  async #moveAt(place: Place, moment: Moment): Promise<Moment> {
    for (let tries = 0; tries < mostTries; tries++) {
      const found = await this.#guard.call('read', () => this.#store.read(place.id));
      if (found && isEnded(found)) throw barredByMarker();
      const before = found && this.#opened(place, found);
      if (before === 'newer-format') throw unreadable(before);
      // What is damaged says nothing, and while it is there nobody gets in: it is overwritten.
      if (typeof before === 'object' && before.at >= moment.at && before.at <= moment.at + mostAheadMs) return before;
      const record = this.#sealed(place, moment);
      const answer = found
        ? await this.#guard.call('update', () => this.#store.update(place.id, record, found.version))
        : await this.#guard.call('create', () => this.#store.create(place.id, record));
      if (answer === 'updated' || answer === 'created') return moment;
    }
    throw busy();
  }

  /** While somebody waits to be told that a session is over, the moment is asked for without a request. */
  beat(): void {
    if (this.#cancelBeat || this.#closed) return;
    this.#cancelBeat = this.#clock.after(leaseMs, () => {
      this.#cancelBeat = undefined;
      if (!this.#isWatched()) return;
      this.beat();
      try {
        const answer = this.now();
        // The guard has told of the fault, and the next beat asks again.
        if (isPromise(answer)) answer.catch(() => {});
      } catch {}
    });
  }

  close(): void {
    this.#closed = true;
    this.#cancelBeat?.();
  }

  #ask(): MaybePromise<Moment | undefined> {
    const askedAt = this.#clock.monotonic();
    const askedWallAt = this.#clock.now();
    const answered = (found: readonly (StoredRecord | Ended | undefined)[]) => {
      const moment = this.#latest(found);
      if (moment) this.#learn(moment);
      if (askedAt > this.#askedAt) {
        this.#askedAt = askedAt;
        this.#askedWallAt = askedWallAt;
      }
      return this.#known;
    };
    const read = ({ id }: Place) => this.#guard.call('read', () => this.#store.read(id));
    const [first, ...others] = this.#places as [Place, ...Place[]];
    const one = others.length === 0 ? read(first) : undefined;
    if (others.length === 0 && !isPromise(one)) return answered([one]);
    const all = isPromise(one)
      ? one.then((found) => [found])
      : Promise.all(this.#places.map(async (place) => read(place)));
    const reading = { askedAt, answer: all.then(answered) };
    const over = () => {
      if (this.#reading === reading) this.#reading = undefined;
    };
    reading.answer.then(over, over);
    this.#reading = reading;
    return reading.answer;
  }

  #learn(moment: Moment): void {
    const known = this.#known;
    if (known && known.at >= moment.at && known.at <= this.#clock.now() + mostAheadMs) return;
    if (known?.at === moment.at) return;
    this.#known = moment;
    this.#moved();
  }

  #sealed({ id, keys }: Place, { at, reason }: Moment): StoredRecord {
    const plain = Buffer.concat([Buffer.of(format), Buffer.from(JSON.stringify({ at, reason }))]);
    return {
      bytes: this.#sealer.seal(id, plain, keys),
      version: newVersion(),
      idleDeadline: at + keptMs,
      // With an owner no store takes it for an anonymous session that may be evicted.
      owner: id as string as OwnerHash,
    };
  }

  /** What can't be read may say that everything is over: nothing is served on it. */
  #latest(found: readonly (StoredRecord | Ended | undefined)[]): Moment | undefined {
    let latest: Moment | undefined;
    found.forEach((record, at) => {
      if (!record || isEnded(record)) return;
      const place = this.#places[at] as Place;
      const moment = this.#opened(place, record);
      if (typeof moment === 'string') {
        this.#events.emit({ type: 'record-refused', reason: moment, id: place.id });
        throw unreadable(moment);
      }
      if (!latest || moment.at > latest.at) latest = moment;
    });
    return latest;
  }

  #opened({ id }: Place, { bytes }: StoredRecord): Moment | SealFault {
    const plain = this.#sealer.open(id, bytes);
    if (typeof plain === 'string') return plain;
    if (plain[0] !== format) return 'newer-format';
    return JSON.parse(plain.toString('utf8', 1)) as Moment;
  }
}

const idOf = ({ epoch }: PurposeKeys, audience: string): SessionId =>
  createHmac('sha256', epoch)
    .update('holdfast/epoch/v1')
    .update(audience)
    .digest()
    .toString('base64url', 0, 20) as SessionId;

/** No store writes a record where it keeps the marker of an end, and holdfast ends no such record. */
function barredByMarker(): SessionError {
  return new SessionError(
    'ERR_SESSION_RECORD_UNREADABLE',
    'revokeEverything: the record of its moment was ended in the store, which holdfast never does, so nothing was revoked. Somebody else writes to the store: start every process with a new secret only.',
    { outcome: 'not-applied' },
  );
}
