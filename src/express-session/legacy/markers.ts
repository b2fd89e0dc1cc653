/**
 * That an old session was taken over, or let go of: a record of our store under an id of its own, kept for as long as the
 * old record could live. Sealed as records are:
 *
 *   byte  0       format, 1
 *   bytes 1..8    when it was claimed (float64, big-endian, ms since the epoch); negative: when it was let go of, never to
 *                 be taken over; 0: the same, of old
 *   bytes 9..28   id of the session that was taken over from it
 */
import type { Engine } from '../../core/engine.js';
import type { OwnerHash, SessionId, Version } from '../../core/ids.js';
import type { Sealer } from '../../core/seal.js';
import { isEnded, type StoredRecord } from '../../core/store.js';
import { idBytes, newVersion } from '../../core/token.js';
import { isFull } from './late.js';
import type { Names } from './names.js';

const format = 1;
const idAt = 9;
const size = idAt + idBytes;
/** The most that may pass between a claim and the creation that it was made for. */
const longestClaimMs = 30_000;
const longestKeptMs = 400 * 24 * 3_600_000;

export interface Mark {
  /** As the format has it. */
  readonly at: number;
  readonly id: SessionId;
}

export class Markers {
  readonly #engine: Engine;
  readonly #sealer: Sealer;
  readonly #keepForMs: number;

  constructor(engine: Engine, sealer: Sealer, keepForMs: number) {
    this.#engine = engine;
    this.#sealer = sealer;
    this.#keepForMs = keepForMs;
  }

  /**
   * Under which of its names the old session may be taken over now, if at all: nobody has before, or somebody is just
   * doing so, as another request of the page or a process that died over it. For less than a marker of an end is kept and
   * a session can idle out, so that "not there yet" is never "not there any more". `idOf`: what it would be under a name.
   */
  async claim(
    all: readonly [Names, ...Names[]],
    maxAgeMs: number,
    idOf: (names: Names) => SessionId,
  ): Promise<Names | undefined> {
    const { config } = this.#engine;
    const now = config.clock.now();
    const { mark, under } = await this.#write(all, { at: now, id: idOf(all[0]) }, maxAgeMs);
    // Under whichever key the claim is: what begins as anything else begins where no sign-out looks for it (G2). So does
    // what is somebody else's by now.
    if (mark.id !== idOf(under)) return undefined;
    const isOpen = mark.at === now || now - mark.at < Math.min(config.keepEndedMs, config.idleMs, longestClaimMs);
    return isOpen ? under : undefined;
  }

  /** It is over: whatever writes the old record back, it is not taken over. */
  async close(all: readonly [Names, ...Names[]]): Promise<void> {
    await this.#write(all, { at: -this.#engine.config.clock.now(), id: all[0].id() }, 0);
  }

  /** When it was let go of, where it had not been taken over. */
  async closedAt(all: readonly Names[]): Promise<number | undefined> {
    for (const names of all) {
      const at = (await this.find(names))?.at ?? 0;
      if (at < 0) return -at;
    }
    return undefined;
  }

  async find({ marker, id }: Names): Promise<Mark | undefined> {
    const found = await this.#engine.guard.call('read', () => this.#engine.store.read(marker));
    if (!found) return undefined;
    const plain = isEnded(found) ? 'malformed' : this.#sealer.open(marker, found.bytes);
    if (typeof plain === 'string' || plain[0] !== format || plain.length !== size) return { at: 0, id: id() };
    return { at: plain.readDoubleBE(1), id: plain.toString('base64url', idAt) as SessionId };
  }

  /** Leaves a marker where there is none, and answers the one that is there, and under which names. */
  async #write(
    all: readonly [Names, ...Names[]],
    mark: Mark,
    maxAgeMs: number,
  ): Promise<{ readonly mark: Mark; readonly under: Names }> {
    const { guard, store, config } = this.#engine;
    const [newest, ...older] = all;
    for (const under of older) {
      const there = await this.find(under);
      if (there) return { mark: there, under };
    }
    const plain = Buffer.alloc(size, format);
    plain.writeDoubleBE(mark.at, 1);
    plain.write(mark.id, idAt, 'base64url');
    const { marker } = newest;
    const record: StoredRecord = {
      bytes: this.#sealer.seal(marker, plain),
      version: newVersion() as Version,
      idleDeadline: config.clock.now() + Math.min(this.#keepForMs + maxAgeMs, longestKeptMs),
      // With an owner no store takes it for an anonymous session that may be evicted.
      owner: marker as string as OwnerHash,
    };
    try {
      const answer = await guard.call('create', () => store.create(marker, record));
      if (answer === 'created') return { mark, under: newest };
    } catch (error) {
      // A full server refuses before it looks whether there is one.
      const there = isFull(error) ? await this.find(newest) : undefined;
      if (there) return { mark: there, under: newest };
      throw error;
    }
    return { mark: (await this.find(newest)) ?? { at: 0, id: mark.id }, under: newest };
  }
}
