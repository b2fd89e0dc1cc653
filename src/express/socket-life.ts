/** Sessions that last as long as a connection. */
import type { Duplex } from 'node:stream';
import type { Engine } from '../core/engine.js';
import type { SessionHandle } from '../core/handle.js';

/** The session of a handshake that passed `session()` as a middleware: it is followed until the connection closes. */
export function holdForSocket(engine: Engine, handle: SessionHandle, socket: Duplex): void {
  engine.detach(handle);
  whenClosed(socket, () => engine.release(handle));
}

/** One listener for each connection, however many handshakes come over it. */
const waiting = new WeakMap<Duplex, Set<() => void>>();

/** The answer takes it back. */
export function whenClosed(socket: Duplex, run: () => void): () => void {
  if (socket.destroyed) {
    run();
    return () => {};
  }
  let runs = waiting.get(socket);
  if (!runs) {
    const those = new Set<() => void>();
    runs = those;
    waiting.set(socket, those);
    socket.once('close', () => {
      waiting.delete(socket);
      for (const each of those) each();
    });
  }
  const all = runs.add(run);
  return () => void all.delete(run);
}
