/**
 * Sessions that were opened a moment ago, by id and by the token that opened them: one bounded room for two uses.
 *
 * 1. An entry saves work. If the store still has the very same sealed bytes, they are not decrypted anew, and the
 *    token that was verified against them is verified still. This grants nothing; it needs nothing from the store.
 * 2. An entry that is *confirmed* answers a safe request without the store, and may only say yes. It is confirmed by a
 *    read on the link that carries the notices, and stays so until a notice for its id, or for all, is heard. Anything
 *    but a plain "alive and current" is the store's to say.
 *
 * What keeps an answer true (docs/design/cache.md has the proof):
 * - a read confirms nothing if a notice for its id came between its send and its answer;
 * - a write of this process confirms nothing either: some stores push changes only of what was read on the link;
 * - the lease of notices.ts is checked whenever an entry is used;
 * - the first request here with a tag, which its browser has from a response that changed the session, asks the store.
 *
 * Bounded by count and bytes; the oldest entry that was not used since the last look goes first.
 */
import type { CacheStatistics } from './cache-statistics.js';
import type { Clock } from './clock.js';
import type { Stored } from './handle.js';
import type { SessionId } from './ids.js';
import type { Notices, NoticeUser } from './notices.js';
import type { CacheConfig, EngineConfig } from './options.js';
import { deadlinesOf } from './policy.js';
import { ReadsUnderWay, type ReadUnderWay } from './reads-under-way.js';
import type { RecordHeader } from './record.js';
import { sameBytes } from './stored-data.js';
import type { ParsedToken } from './token.js';

/** What an entry takes beside its bytes: token, header and the maps' own share. */
const overheadBytes = 1_024;

/** So long after its last use the cache does without beats. */
const idleAfterMs = 10_000;

/** The epoch of an entry that no read has confirmed, or that a notice has overtaken. */
const never = -1;

/** An opened session. Only the cache changes one. */
export interface Entry {
  readonly stored: Stored;
  /** The current token of `stored`, once one came and was verified, and its text. */
  readonly token: ParsedToken | undefined;
  readonly text: string | undefined;
}

interface Kept extends Entry {
  stored: Stored;
  token: ParsedToken | undefined;
  text: string | undefined;
  /** The epoch in which a read confirmed it. */
  confirmedIn: number;
  /** From this moment on (ms since the epoch) only the store can say whether it lives. */
  until: number;
  /** The last tag on whose account the store was read. */
  tag: string | undefined;
  /** Has answered since it was last looked at for eviction. */
  used: boolean;
}

export class SessionCache<Answer = unknown> implements NoticeUser {
  /** Whether it may answer; if not, it only saves work. */
  readonly on: boolean;
  readonly #notices: Notices;
  readonly #clock: Clock;
  readonly #config: EngineConfig;
  readonly #limits: CacheConfig;
  readonly #byId = new Map<SessionId, Kept>();
  /** By the token's text: found only by whoever sends the whole token, MAC included. */
  readonly #byText = new Map<string, Kept>();
  readonly #reads: ReadsUnderWay<Answer>;
  #bytes = 0;
  #epoch = 0;
  #usedAt = Number.NEGATIVE_INFINITY;
  #hits = 0;
  #joined = 0;
  #heard = 0;
  #overtaken = 0;
  readonly #asked = { unknown: 0, unconfirmed: 0, tagged: 0, expired: 0, lapsed: 0 };

  constructor(on: boolean, notices: Notices, config: EngineConfig) {
    this.on = on;
    this.#notices = notices;
    this.#clock = config.clock;
    this.#reads = new ReadsUnderWay(config.clock);
    this.#config = config;
    this.#limits = config.cache;
    if (on) notices.add(this);
  }

  /** The session that this very token opened. */
  ofToken(text: string): Entry | undefined {
    return this.#byText.get(text);
  }

  of(id: SessionId): Entry | undefined {
    return this.#byId.get(id);
  }

  /** Whether a safe request may have this entry for an answer. Hot path: no promise, no hash, nothing allocated. */
  vouches(entry: Entry | undefined, tag: string | undefined, now: number): boolean {
    if (!this.on) return false;
    const monotonic = this.#clock.monotonic();
    this.#usedAt = monotonic;
    const asked = this.#asked;
    if (entry === undefined) {
      asked.unknown++;
      return false;
    }
    const kept = entry as Kept;
    if (kept.confirmedIn !== this.#epoch) asked.unconfirmed++;
    else if (tag !== undefined && tag !== kept.tag) asked.tagged++;
    else if (now >= kept.until) asked.expired++;
    else if (!this.#notices.isFresh(now, monotonic)) asked.lapsed++;
    else {
      this.#hits++;
      kept.used = true;
      return true;
    }
    return false;
  }

  /** A read under way that this request may share. */
  joinable(id: SessionId, tag: string | undefined): Promise<Answer> | undefined {
    const answer = this.#reads.joinable(id, tag);
    if (answer) this.#joined++;
    return answer;
  }

  /** Before a read is sent on the link. `answered` must follow in the same turn in which its answer is taken. */
  asks(id: SessionId, tag: string | undefined): ReadUnderWay<Answer> {
    return this.#reads.begin(id, tag);
  }

  /** The read is over. What it found, if it found a session, is confirmed unless a notice has overtaken it. */
  answered(read: ReadUnderWay<Answer>, stored: Stored | undefined): void {
    this.#reads.end(read);
    if (!stored || !this.on) return;
    if (read.overtaken) {
      this.#overtaken++;
      return;
    }
    const kept = this.#put(stored);
    kept.confirmedIn = this.#epoch;
    if (read.tag) kept.tag = read.tag;
    this.#makeRoom();
  }

  /** The token of this text was found to be the current one of what the store answered. */
  verified(text: string, token: ParsedToken, stored: Stored): void {
    const kept = this.#put(stored);
    if (kept.text === text) {
      kept.used = true;
      return;
    }
    if (kept.text !== undefined) this.#byText.delete(kept.text);
    kept.text = text;
    kept.token = token;
    this.#byText.set(text, kept);
    this.#makeRoom();
  }

  /** This process has stored a new state. */
  wrote(stored: Stored): void {
    if (!this.#byId.has(stored.id)) return;
    this.#put(stored);
    this.#makeRoom();
  }

  /** The store has acknowledged this idle deadline. */
  touched(id: SessionId, idleDeadline: number): void {
    const kept = this.#byId.get(id);
    if (kept && idleDeadline > kept.stored.idleDeadline) this.#set(kept, { ...kept.stored, idleDeadline });
  }

  /** It is over, or the store does not know it. */
  forget(id: SessionId): void {
    this.#overtake(id);
    const kept = this.#byId.get(id);
    if (kept) this.#drop(kept);
  }

  /** A write of this process was answered, or failed with an outcome that is not known. */
  changed(id: SessionId): void {
    this.#overtake(id);
  }

  heard(id: SessionId | 'all'): void {
    this.#heard++;
    if (id !== 'all') return this.#overtake(id);
    this.#epoch++;
    this.#reads.overtake('all');
  }

  needsNotices(): boolean {
    return this.#clock.monotonic() - this.#usedAt <= idleAfterMs;
  }

  statistics(): CacheStatistics {
    return {
      state: this.on ? (this.#notices.isFresh() ? 'held' : 'lapsed') : 'off',
      sessions: this.#byId.size,
      bytes: this.#bytes,
      hits: this.#hits,
      asked: { ...this.#asked },
      joined: this.#joined,
      notices: this.#heard,
      overtaken: this.#overtaken,
    };
  }

  /** What is stored now is this. Confirmed it stays only if it is the very same. */
  #put(stored: Stored): Kept {
    const kept = this.#byId.get(stored.id);
    if (!kept) {
      const made: Kept = {
        stored,
        token: undefined,
        text: undefined,
        confirmedIn: never,
        until: this.#untilOf(stored),
        tag: undefined,
        used: false,
      };
      this.#byId.set(stored.id, made);
      this.#bytes += sizeOf(stored);
      return made;
    }
    const before = kept.stored;
    if (before.version !== stored.version || before.sealed !== stored.sealed) {
      kept.confirmedIn = never;
      // A token was verified against the hash of its secret.
      if (!sameSecret(before.header, stored.header)) this.#untie(kept);
      this.#set(kept, stored);
    } else if (stored.idleDeadline > before.idleDeadline) this.#set(kept, stored);
    return kept;
  }

  #set(kept: Kept, stored: Stored): void {
    this.#bytes += sizeOf(stored) - sizeOf(kept.stored);
    kept.stored = stored;
    kept.until = this.#untilOf(stored);
  }

  #untilOf({ header, idleDeadline }: Stored): number {
    return deadlinesOf(header, idleDeadline, this.#config).expiresAt;
  }

  #overtake(id: SessionId): void {
    const kept = this.#byId.get(id);
    if (kept) kept.confirmedIn = never;
    this.#reads.overtake(id);
  }

  #untie(kept: Kept): void {
    if (kept.text !== undefined) this.#byText.delete(kept.text);
    kept.text = undefined;
    kept.token = undefined;
  }

  #drop(kept: Kept): void {
    this.#untie(kept);
    this.#byId.delete(kept.stored.id);
    this.#bytes -= sizeOf(kept.stored);
  }

  #makeRoom(): void {
    const { maxSessions, maxBytes } = this.#limits;
    while (this.#byId.size > maxSessions || this.#bytes > maxBytes) {
      for (const [id, kept] of this.#byId) {
        if (!kept.used) {
          this.#drop(kept);
          break;
        }
        // In use: it goes to the end of the line, once.
        kept.used = false;
        this.#byId.delete(id);
        this.#byId.set(id, kept);
      }
    }
  }
}

const sameSecret = (a: RecordHeader, b: RecordHeader): boolean => a === b || sameBytes(a.secretHash, b.secretHash);

/** The sealed bytes, the plaintext, which is as long, and what it decodes to, which takes some three times as much or is not kept. */
const sizeOf = ({ sealed }: Stored): number => 5 * sealed.length + overheadBytes;
