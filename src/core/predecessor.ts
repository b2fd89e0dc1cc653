import type { SessionHandle } from './handle.js';
import type { OwnerHash, SessionId } from './ids.js';
import type { Parts } from './parts.js';

/** What a full store had no room for until sessions had ended: to be done then. */
export type Late = () => Promise<void>;

/**
 * Another middleware's sessions that ours take over: what the engine asks of their keeper before a session of ours ends
 * or gives way to another. What that one was taken over from then ends first, and for good. Each fails as a store does,
 * and then nothing may be claimed; but no end fails for want of room, which it would make: that is done afterwards.
 */
export interface Predecessor {
  /**
   * `own`: what the session `current` was taken over from; whatever else was taken over from it ends.
   * `others`: what the request's old cookies name, taken over or not.
   */
  release(current: SessionId | undefined, own: string | undefined, others: readonly string[]): Promise<Late>;
  /** What a session that is known by its id was taken over from. */
  releaseId(id: SessionId): Promise<Late | undefined>;
  /** As many as an owner has, but `except`. */
  releaseOwner(owner: OwnerHash, except: SessionId | undefined): Promise<Late | undefined>;
}

/** Before a request's session ends: what it was taken over from goes first. */
export async function letGoAtEnd(
  { predecessor }: Pick<Parts, 'predecessor'>,
  handle: SessionHandle,
): Promise<Late | undefined> {
  const { stored, oldSids } = handle;
  const late = await (await predecessor?.())?.release(stored?.id, stored?.header.movedFrom, oldSids);
  handle.oldGone = oldSids.length > 0;
  return late;
}

/** Before it gives way to another. */
export async function letGo(parts: Pick<Parts, 'predecessor'>, handle: SessionHandle): Promise<void> {
  await (await letGoAtEnd(parts, handle))?.();
}
