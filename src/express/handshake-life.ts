/** How long the session of `upgrade()` is followed: as long as the connection, or as a request that is no upgrade. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { whenClosed } from './socket-life.js';

/**
 * Runs once the connection of a handshake is over. A request that is no upgrade (long polling) is over before: thousands
 * come over one connection, which would keep them all (G12). The answer takes it back.
 */
export function whenOver(req: IncomingMessage, run: () => void): () => void {
  const { socket } = req;
  const { upgrade } = req as { upgrade?: boolean | null };
  if (upgrade ?? req.headers.upgrade !== undefined) return whenClosed(socket, run);
  // A request closes once it is read, while its response may go on for hours.
  const end = responseOf(req) ?? req;
  if (socket.destroyed || end.destroyed) run();
  else end.once('close', run);
  return () => void end.off('close', run);
}

/** Express and engine.io put it there; without them Node itself has the one that a connection is busy with. */
function responseOf(req: IncomingMessage): ServerResponse | undefined {
  const { res } = req as { res?: ServerResponse };
  if (res) return res;
  const { _httpMessage: busyWith } = req.socket as { _httpMessage?: ServerResponse | null };
  return busyWith?.req === req ? busyWith : undefined;
}
