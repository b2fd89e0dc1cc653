/**
 * What express-session's ids were a moment ago: the ids under which the store keeps them, and the session as it was last
 * opened or written. It saves work and grants nothing: the store is asked each time, and only if it still has the very same
 * sealed bytes are they not opened anew.
 *
 * Bounded by count and bytes; what came first and was not used since goes first.
 */
import type { CacheConfig } from '../core/options.js';
import type { Ids } from './ids.js';
import type { Kept } from './sessions.js';

/** What an entry takes beside its session: both kinds of id, the header, and the map's own share. */
const overheadBytes = 1_024;

interface Entry {
  readonly ids: Ids;
  readonly kept: Kept;
}

/** Whether it was asked for since it came, or since it was last passed over. */
interface Held {
  entry: Entry;
  used: boolean;
}

export class Remembered {
  readonly #limits: Pick<CacheConfig, 'maxSessions' | 'maxBytes'>;
  /** By express-session's id. To move each to the end with each use would cost more than the look itself. */
  readonly #entries = new Map<string, Held>();
  #bytes = 0;

  constructor(limits: Pick<CacheConfig, 'maxSessions' | 'maxBytes'>) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#entries.size;
  }

  of(sid: string): Entry | undefined {
    const held = this.#entries.get(sid);
    if (!held) return undefined;
    held.used = true;
    return held.entry;
  }

  keep(sid: string, entry: Entry): void {
    const held = this.#entries.get(sid);
    this.#bytes += sizeOf(entry) - (held ? sizeOf(held.entry) : 0);
    if (held) held.entry = entry;
    else this.#entries.set(sid, { entry, used: false });
    while (this.#entries.size > this.#limits.maxSessions || this.#bytes > this.#limits.maxBytes) this.#dropOne();
  }

  forget(sid: string): void {
    const held = this.#entries.get(sid);
    if (!held) return;
    this.#entries.delete(sid);
    this.#bytes -= sizeOf(held.entry);
  }

  /** The first that was not used; those that were are passed over once, and go to the end of the line. */
  #dropOne(): void {
    for (const [sid, held] of this.#entries) {
      if (!held.used) return this.forget(sid);
      held.used = false;
      this.#entries.delete(sid);
      this.#entries.set(sid, held);
    }
  }
}

/** The sealed bytes, the plaintext, and its text, which takes up to twice as much. */
const sizeOf = ({ kept }: Entry): number => 4 * kept.stored.sealed.length + overheadBytes;
