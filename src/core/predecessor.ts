import type { SessionHandle } from './handle.js';
import type { OwnerHash, SessionId } from './ids.js';
import type { Parts } from './parts.js';

/**
 * Another middleware's sessions that ours take over: what the engine asks of their keeper before a session of ours ends
 * or gives way to another. What that one was taken over from then ends first, and for good. Each fails as a store does,
 * and then nothing may be claimed.
 */
export interface Predecessor {
  /** `own`: what this session was taken over from. `other`: what the request's old cookie names, taken over or not. */
  release(own: string | undefined, other: string | undefined): Promise<void>;
  /** What a session that is known by its id was taken over from. */
  releaseId(id: SessionId): Promise<void>;
  /** As many as an owner has, but `except`. */
  releaseOwner(owner: OwnerHash, except: SessionId | undefined): Promise<void>;
}

/** Before a request's session ends or gives way to another: what it was taken over from goes first. */
export async function letGo({ predecessor }: Pick<Parts, 'predecessor'>, handle: SessionHandle): Promise<void> {
  await (await predecessor?.())?.release(handle.stored?.header.movedFrom, handle.oldSid);
}
