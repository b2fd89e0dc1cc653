/**
 * A record that keeps others out is set before sessions end, so that nothing slips in between. A store that is full
 * refuses it: then the sessions end without it, which makes room, and it is set afterwards. Otherwise whoever fills the
 * store would keep people signed in whose sessions are to be revoked (G6).
 */
import { SessionError } from '../../core/errors.js';
import type { Late } from '../../core/predecessor.js';

export const isFull = (error: unknown): boolean =>
  error instanceof SessionError && error.code === 'ERR_SESSION_STORE_FULL';

export async function orLate(late: Late[], run: Late): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!isFull(error)) throw error;
    late.push(run);
  }
}

export async function inTurn(late: readonly Late[]): Promise<void> {
  for (const run of late) await run();
}
