/**
 * The moment before which every session of the app is over: `revokeEverything`. No store could end all sessions in one
 * step, and a walk through them would miss the sign-ins that are under way. So the moment is kept in the store as a record
 * of its own, sealed like a session under an id that follows from the audience, and a session that was begun at or before
 * it, by the start of the request that began it, opens for nobody.
 *
 * Each process reads it at most once in `leaseMs` while it has requests with a session, and serves none on knowledge that
 * is older. `move` resolves once that time has passed after the write, so every process knows then.
 *
 *   plaintext: byte 0 format, 1; then JSON: { at, reason }
 */
import { createHash } from 'node:crypto';
import type { Clock } from './clock.js';
import type { OwnerHash, SessionId } from './ids.js';
import { isPromise } from './maybe-promise.js';
import type { EngineConfig } from './options.js';
import { busy, unreadable } from './refusals.js';
import type { Sealer } from './seal.js';
import { type Ended, isEnded, type MaybePromise, type SessionStore, type StoredRecord } from './store.js';
import type { StoreGuard } from './store-guard.js';
import { newVersion } from './token.js';

const leaseMs = 1_000;
const format = 1;
const mostTries = 8;
/** Longer than any session can live. */
const keptMs = 400 * 24 * 60 * 60_000;

export interface Moment {
  /** Ms since the epoch. */
  readonly at: number;
  readonly reason: string;
}

export class Epoch {
  readonly on: boolean;
  readonly id: SessionId;
  readonly #store: SessionStore;
  readonly #guard: StoreGuard;
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
    guard: StoreGuard,
    sealer: Sealer,
    config: EngineConfig,
    moved: () => void,
    isWatched: () => boolean,
  ) {
    this.on = config.revokeEverything;
    this.id = idOf(config.audience);
    this.#store = store;
    this.#guard = guard;
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

  /** Ends every session that was begun until now. Never moves back. */
  async move(reason: string): Promise<void> {
    const moment: Moment = { at: this.#clock.now(), reason };
    for (let tries = 0; ; tries++) {
      if (tries === mostTries) throw busy();
      const found = await this.#guard.call('read', () => this.#store.read(this.id));
      const before = this.#opened(found);
      if (before && before.at >= moment.at) break;
      const record = this.#sealed(moment);
      const answer =
        found && !isEnded(found)
          ? await this.#guard.call('update', () => this.#store.update(this.id, record, found.version))
          : await this.#guard.call('create', () => this.#store.create(this.id, record));
      if (answer === 'updated' || answer === 'created') break;
    }
    this.#learn(moment);
    await new Promise<void>((resolve) => void this.#clock.after(leaseMs, resolve));
  }

  /** While somebody waits to be told that a session is over, the moment is asked for without a request. */
  beat(): void {
    if (!this.on || this.#cancelBeat || this.#closed) return;
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
    const answered = (found: StoredRecord | Ended | undefined) => {
      const moment = this.#opened(found);
      if (moment) this.#learn(moment);
      if (askedAt > this.#askedAt) {
        this.#askedAt = askedAt;
        this.#askedWallAt = askedWallAt;
      }
      return this.#known;
    };
    const read = this.#guard.call('read', () => this.#store.read(this.id));
    if (!isPromise(read)) return answered(read);
    const reading = { askedAt, answer: read.then(answered) };
    const over = () => {
      if (this.#reading === reading) this.#reading = undefined;
    };
    reading.answer.then(over, over);
    this.#reading = reading;
    return reading.answer;
  }

  #learn(moment: Moment): void {
    if (this.#known && this.#known.at >= moment.at) return;
    this.#known = moment;
    this.#moved();
  }

  #sealed({ at, reason }: Moment): StoredRecord {
    const plain = Buffer.concat([Buffer.of(format), Buffer.from(JSON.stringify({ at, reason }))]);
    return {
      bytes: this.#sealer.seal(this.id, plain),
      version: newVersion(),
      idleDeadline: at + keptMs,
      // With an owner no store takes it for an anonymous session that may be evicted.
      owner: this.id as string as OwnerHash,
    };
  }

  /** What can't be read may say that everything is over: nothing is served on it. */
  #opened(found: StoredRecord | Ended | undefined): Moment | undefined {
    if (!found || isEnded(found)) return undefined;
    const plain = this.#sealer.open(this.id, found.bytes);
    if (typeof plain === 'string') throw unreadable(plain);
    if (plain[0] !== format) throw unreadable('newer-format');
    return JSON.parse(plain.toString('utf8', 1)) as Moment;
  }
}

const idOf = (audience: string): SessionId =>
  createHash('sha256').update('holdfast/epoch/v1').update(audience).digest().toString('base64url', 0, 20) as SessionId;
