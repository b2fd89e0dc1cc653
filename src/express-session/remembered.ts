/**
 * What express-session's ids were a moment ago: the ids under which the store keeps them, and the session as it was last
 * opened or written. It saves work and grants nothing: the store is asked each time, and only if it still has the very same
 * sealed bytes are they not opened anew.
 *
 * Bounded by count and bytes; what was not used for the longest time goes first.
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

export class Remembered {
  readonly #limits: Pick<CacheConfig, 'maxSessions' | 'maxBytes'>;
  /** By express-session's id, the latest used last. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  constructor(limits: Pick<CacheConfig, 'maxSessions' | 'maxBytes'>) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#entries.size;
  }

  of(sid: string): Entry | undefined {
    const entry = this.#entries.get(sid);
    if (entry) {
      this.#entries.delete(sid);
      this.#entries.set(sid, entry);
    }
    return entry;
  }

  keep(sid: string, entry: Entry): void {
    this.forget(sid);
    this.#entries.set(sid, entry);
    this.#bytes += sizeOf(entry);
    if (this.#entries.size <= this.#limits.maxSessions && this.#bytes <= this.#limits.maxBytes) return;
    for (const oldest of this.#entries.keys()) {
      this.forget(oldest);
      if (this.#entries.size <= this.#limits.maxSessions && this.#bytes <= this.#limits.maxBytes) return;
    }
  }

  forget(sid: string): void {
    const entry = this.#entries.get(sid);
    if (!entry) return;
    this.#entries.delete(sid);
    this.#bytes -= sizeOf(entry);
  }
}

/** The sealed bytes, the plaintext, and its text, which takes up to twice as much. */
const sizeOf = ({ kept }: Entry): number => 4 * kept.stored.sealed.length + overheadBytes;
