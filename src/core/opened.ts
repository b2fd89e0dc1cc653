/**
 * Remembers sessions that were opened a moment ago, so that one in use is not decrypted anew for every request.
 *
 * It grants nothing. The store is asked each time, and what is remembered counts only if the store still has the very
 * same sealed bytes: they open to the same record, and the token that was verified against it is verified still.
 * Bounded by count and bytes; the oldest entry goes first.
 */
import type { Stored } from './handle.js';
import type { ParsedToken } from './token.js';

const mostEntries = 10_000;
const mostBytes = 32 * 1024 * 1024;

/** What an entry takes beside its bytes: token, header and the map's own share. */
const overheadBytes = 1_024;

export interface OpenedEntry {
  readonly token: ParsedToken;
  /** As it was last seen, or written by this process. */
  readonly stored: Stored;
}

interface Entry extends OpenedEntry {
  stored: Stored;
}

export class OpenedSessions {
  /** By the token's text: found only by whoever sends the whole token, MAC included. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  get(text: string): OpenedEntry | undefined {
    return this.#entries.get(text);
  }

  /** `token` is verified, and is the current one of `stored`. Takes the place of what was remembered under `text`. */
  remember(text: string, token: ParsedToken, stored: Stored): void {
    const known = this.#entries.get(text);
    if (known) {
      this.#bytes += sizeOf(stored) - sizeOf(known.stored);
      known.stored = stored;
    } else {
      this.#entries.set(text, { token, stored });
      this.#bytes += sizeOf(stored);
    }
    while (this.#entries.size > mostEntries || this.#bytes > mostBytes) this.#forgetOldest();
  }

  /** For tests of the bounds. */
  get size(): { readonly entries: number; readonly bytes: number } {
    return { entries: this.#entries.size, bytes: this.#bytes };
  }

  #forgetOldest(): void {
    for (const [text, { stored }] of this.#entries) {
      this.#entries.delete(text);
      this.#bytes -= sizeOf(stored);
      return;
    }
  }
}

/** The sealed bytes and the plaintext, which is as long. */
const sizeOf = ({ sealed }: Stored): number => 2 * sealed.length + overheadBytes;
