/**
 * That all sessions of an owner were revoked while old ones are still taken over: a record of our store for each key that
 * the ring had then. The store's own mark on the owner says the same, but only to a session that begins under a key of
 * that time, and one that is taken over begins under the newest, which may have come later. Sealed as records are:
 *
 *   byte 0    format, 1
 */
import { createHash } from 'node:crypto';
import type { Engine } from '../../core/engine.js';
import type { OwnerHash, SessionId } from '../../core/ids.js';
import { busy } from '../../core/refusals.js';
import type { Sealer } from '../../core/seal.js';
import { isEnded, type StoredRecord } from '../../core/store.js';
import { hashOwner, idBytes, newId, newVersion } from '../../core/token.js';
import { isFull } from './late.js';

const format = 1;
const mostTries = 4;

export class Bars {
  readonly #engine: Engine;
  readonly #sealer: Sealer;
  readonly #keepForMs: number;

  constructor(engine: Engine, sealer: Sealer, keepForMs: number) {
    this.#engine = engine;
    this.#sealer = sealer;
    this.#keepForMs = keepForMs;
  }

  /** From now on, and for as long as anything is taken over. */
  async set(owner: OwnerHash): Promise<void> {
    const { guard, store, config } = this.#engine;
    const id = idOf(owner);
    const idleDeadline = config.clock.now() + this.#keepForMs;
    const record: StoredRecord = {
      bytes: this.#sealer.seal(id, Buffer.of(format)),
      version: newVersion(),
      idleDeadline,
      // With an owner no store takes it for an anonymous session that may be evicted.
      owner: id as string as OwnerHash,
    };
    for (let tries = 0; tries < mostTries; tries++) {
      let full: unknown;
      try {
        if ((await guard.call('create', () => store.create(id, record))) === 'created') return;
      } catch (error) {
        // A full server refuses before it looks whether there is one.
        if (!isFull(error)) throw error;
        full = error;
      }
      // Gone where it has expired in between.
      if ((await guard.call('touch', () => store.touch(id, idleDeadline))) === 'touched') return;
      if (full) throw full;
    }
    throw busy();
  }

  /**
   * Under the newest key the store says it itself when a session is created. Whatever lies here bars: only `set` writes
   * it, or somebody who would rather that it could not be read.
   */
  async has(owner: string | undefined): Promise<boolean> {
    const { guard, store, config, keyring } = this.#engine;
    if (owner === undefined) return false;
    for (const keys of keyring.all.slice(1)) {
      const id = idOf(hashOwner(keys, config.audience, owner));
      const found = await guard.call('read', () => store.read(id));
      if (found && (isEnded(found) || !(found.idleDeadline <= config.clock.now()))) return true;
    }
    return false;
  }
}

/** The owner's hash is a keyed one, so that this needs no key of its own. */
const idOf = (owner: OwnerHash): SessionId =>
  newId(undefined, createHash('sha256').update('holdfast/moved/barred/v1').update(owner).digest().subarray(0, idBytes));
