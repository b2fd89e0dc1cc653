import type { GatedResponse } from './gate-types.js';

/** Ends a response so that no client can take it for complete. */
export function cutConnection(res: GatedResponse, http2: boolean): void {
  if (http2) {
    // With an error, or the stream would close as if all were well. The compatibility layer keeps the error to itself.
    res.destroy(new Error('The session could not be stored.'));
    return;
  }
  const { socket } = res;
  // A body without a length and without chunks ends where the connection ends: only a reset tells it from a whole one.
  if (socket && !('encrypted' in socket)) {
    try {
      socket.resetAndDestroy();
      return;
    } catch {
      // Not TCP: a Unix socket has no reset.
    }
  }
  res.destroy();
}
