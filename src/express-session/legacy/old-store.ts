/** express-session's store, read and deleted from: with our deadline, and without a word of the ids in it. */
import { encodeData } from '../../core/codec.js';
import type { Engine } from '../../core/engine.js';
import { SessionError } from '../../core/errors.js';
import { StoreGuard } from '../../core/store-guard.js';
import { type Callback, call } from '../bridge/calls.js';
import type { MigrateFrom } from './face.js';

export interface OldSession {
  readonly data: Record<string, unknown>;
  /** How long its cookie lives without use; 0 where it does not say. */
  readonly maxAgeMs: number;
}

export class OldStore {
  readonly #store: MigrateFrom['store'];
  readonly #guard: StoreGuard;

  constructor(store: MigrateFrom['store'], { config, events }: Engine) {
    this.#store = store;
    this.#guard = new StoreGuard(
      `${store.constructor.name} (migrateFrom)`,
      config.storeDeadlineMs,
      config.clock,
      events,
    );
  }

  /** What the store has, alive by its own clock: many move a deadline outside the record, so what stands inside says nothing. */
  async get(sid: string): Promise<OldSession | 'malformed' | undefined> {
    const found = await this.#guard.call('read', () =>
      this.#call<unknown>(sid, (callback) => this.#store.get(sid, callback)).catch((error) => {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }),
    );
    if (found === undefined || found === null) return undefined;
    const { cookie, __lastAccess: _ofSessionFileStore, ...data } = Object(found) as Record<string, unknown>;
    if (Array.isArray(found) || typeof cookie !== 'object' || cookie === null) return 'malformed';
    const { originalMaxAge } = cookie as { originalMaxAge?: unknown };
    return { data, maxAgeMs: typeof originalMaxAge === 'number' && originalMaxAge > 0 ? originalMaxAge : 0 };
  }

  async destroy(sid: string): Promise<void> {
    await this.#guard.call('end', () => this.#call(sid, (callback) => this.#store.destroy(sid, callback)));
  }

  /** A client's error may name the key or the file, and with it the id, which is the credential. */
  async #call<T>(sid: string, run: (callback: Callback<T>) => unknown): Promise<T | undefined> {
    try {
      return await call(run);
    } catch (error) {
      const { message, code } = Object(error) as { message?: unknown; code?: unknown };
      throw Object.assign(new Error(String(message ?? error).replaceAll(sid, '(id)')), { code });
    }
  }
}

/** As the store's own JSON would have kept it, where our codec does not know a type. Undefined for what can't be kept at all. */
export function encoded(data: Record<string, unknown>, maxBytes: number): Uint8Array | undefined {
  for (const plain of [(it: typeof data) => it, (it: typeof data) => JSON.parse(JSON.stringify(it)) as typeof data]) {
    try {
      return encodeData(plain(data), { maxBytes });
    } catch (error) {
      if (error instanceof SessionError && error.code === 'ERR_SESSION_DATA_TOO_LARGE') throw error;
    }
  }
  return undefined;
}
