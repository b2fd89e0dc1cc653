/** Listens to a store's changes in a test, and waits for what is to be heard. */
import type { SessionId } from '../../src/core/ids.js';
import type { StoredEntry, Watch } from '../../src/core/store.js';
import type { RedisStore } from '../../src/stores/redis.js';

export class Watcher {
  readonly heard: (SessionId | 'all')[] = [];
  readonly #waiting = new Map<SessionId | 'all', () => void>();
  watch!: Watch;

  static async of(store: RedisStore): Promise<Watcher> {
    const watcher = new Watcher();
    const watch = await store.watch?.((id) => watcher.#hear(id));
    if (!watch) throw new Error('the store has no watch');
    watcher.watch = watch;
    return watcher;
  }

  /** Resolves when `id` is heard from now on. */
  next(id: SessionId | 'all'): Promise<void> {
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  /** What was heard since the last call, once all that was sent has arrived. */
  async take(): Promise<(SessionId | 'all')[]> {
    await this.watch.heartbeat();
    return this.heard.splice(0);
  }

  /** Resolves once the watch works again: as long as it does not, its heartbeats reject. */
  async recovered(): Promise<void> {
    await until(async () => {
      await this.watch.heartbeat();
      return true;
    });
  }

  #hear(id: SessionId | 'all'): void {
    this.heard.push(id);
    this.#waiting.get(id)?.();
  }
}

/** Asks again until the answer is yes; what throws is a no. For what another process does in its own time. */
export async function until(check: () => Promise<boolean> | boolean): Promise<void> {
  for (;;) {
    try {
      if (await check()) return;
    } catch {
      // Not yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export async function walk(store: RedisStore, from?: string): Promise<StoredEntry[]> {
  const met: StoredEntry[] = [];
  let cursor = from;
  do {
    const page = await store.scan?.(cursor);
    met.push(...(page?.entries ?? []));
    cursor = page?.cursor;
  } while (cursor !== undefined);
  return met;
}
