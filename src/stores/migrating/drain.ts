/** Moves what nobody uses, so that the old store can go before its last session has idled out. */
import { SessionError } from '../../core/errors.js';
import { isScannable, type SessionStore } from '../../core/store.js';
import { passenger } from './claim.js';
import type { Mover } from './mover.js';

export interface DrainProgress {
  /** Sessions that this process has moved since `drain` began, those that were used meanwhile among them. */
  readonly moved: number;
  /** Walks through all of `from`, this one included. */
  readonly walks: number;
}

export interface DrainOptions {
  /** Hears after each page of `from`. */
  readonly onProgress?: ((progress: DrainProgress) => void) | undefined;
  /** Stops between two sessions; the rejection is the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

export async function drain(
  from: SessionStore,
  phase: 'prepare' | 'move',
  mover: Mover,
  { onProgress, signal }: DrainOptions,
): Promise<{ readonly moved: number }> {
  if (phase === 'prepare' || !isScannable(from)) {
    const why =
      phase === 'prepare' ? "in phase 'prepare' sessions stay where they are" : `the ${from.name} store has no scan`;
    throw new SessionError(
      'ERR_SESSION_STORE_CAPABILITY',
      `migrating: drain: ${why}. Sessions that are used move by themselves; the rest has ended one idle limit after the last instance began to move.`,
    );
  }
  const before = mover.moved;
  for (let walks = 1; ; walks++) {
    let met = 0;
    let cursor: string | undefined;
    do {
      const page: Awaited<ReturnType<typeof from.scan>> = await from.scan(cursor);
      for (const { id, record } of page.entries) {
        signal?.throwIfAborted();
        if (passenger(record)) continue;
        met++;
        await mover.bring(id);
      }
      cursor = page.cursor;
      onProgress?.({ moved: mover.moved - before, walks });
    } while (cursor !== undefined);
    if (met === 0) return { moved: mover.moved - before };
  }
}
