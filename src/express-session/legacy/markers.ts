/**
 * That an old session was taken over, or let go of: a record of our store under an id of its own, kept for as long as the
 * old record could live. Sealed as records are:
 *
 *   byte  0      format, 1
 *   bytes 1..8   when it was claimed (float64, big-endian, ms since the epoch); negative: when it was let go of, never to
 *                be taken over; 0: the same, of old
 */
import type { Engine } from '../../core/engine.js';
import type { OwnerHash, Version } from '../../core/ids.js';
import { Sealer } from '../../core/seal.js';
import { isEnded, type StoredRecord } from '../../core/store.js';
import { newVersion } from '../../core/token.js';
import type { Names } from './names.js';

const format = 1;
/** The most that may pass between a claim and the creation that it was made for. */
const longestClaimMs = 30_000;
const longestKeptMs = 400 * 24 * 3_600_000;

export class Markers {
  readonly #engine: Engine;
  readonly #sealer: Sealer;
  readonly #keepForMs: number;

  constructor(engine: Engine, keepForMs: number) {
    this.#engine = engine;
    this.#sealer = new Sealer(engine.keyring, engine.config.audience);
    this.#keepForMs = keepForMs;
  }

  /**
   * Whether the old session may be taken over now: nobody has before, or somebody is just doing so, as another request
   * of the page or a process that died over it. For less than a marker of an end is kept and a session can idle out, so
   * that "not there yet" is never "not there any more".
   */
  async claim(all: readonly [Names, ...Names[]], maxAgeMs: number): Promise<boolean> {
    const { config } = this.#engine;
    const now = config.clock.now();
    const at = await this.#write(all, now, maxAgeMs);
    return at === now || now - at < Math.min(config.keepEndedMs, config.idleMs, longestClaimMs);
  }

  /** It is over: whatever writes the old record back, it is not taken over. */
  async close(all: readonly [Names, ...Names[]]): Promise<void> {
    await this.#write(all, -this.#engine.config.clock.now(), 0);
  }

  /** When it was let go of, where it had not been taken over. */
  async closedAt(all: readonly Names[]): Promise<number | undefined> {
    for (const { marker } of all) {
      const at = await this.#read(marker);
      if (at !== undefined && at < 0) return -at;
    }
    return undefined;
  }

  /** Leaves a marker where there is none, and answers the moment of the one that is there. */
  async #write(all: readonly [Names, ...Names[]], at: number, maxAgeMs: number): Promise<number> {
    const { guard, store, config } = this.#engine;
    const [{ marker }, ...older] = all;
    for (const names of older) {
      const there = await this.#read(names.marker);
      if (there !== undefined) return there;
    }
    const plain = Buffer.alloc(9, format);
    plain.writeDoubleBE(at, 1);
    const record: StoredRecord = {
      bytes: this.#sealer.seal(marker, plain),
      version: newVersion() as Version,
      idleDeadline: config.clock.now() + Math.min(this.#keepForMs + maxAgeMs, longestKeptMs),
      // With an owner no store takes it for an anonymous session that may be evicted.
      owner: marker as string as OwnerHash,
    };
    const answer = await guard.call('create', () => store.create(marker, record));
    return answer === 'created' ? at : ((await this.#read(marker)) ?? 0);
  }

  async #read(id: Names['marker']): Promise<number | undefined> {
    const found = await this.#engine.guard.call('read', () => this.#engine.store.read(id));
    if (!found) return undefined;
    const plain = isEnded(found) ? 'malformed' : this.#sealer.open(id, found.bytes);
    return typeof plain === 'string' || plain[0] !== format || plain.length !== 9 ? 0 : plain.readDoubleBE(1);
  }
}
