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

export function whenClosed(socket: Duplex, run: () => void): void {
  if (socket.destroyed) return run();
  const known = waiting.get(socket);
  if (known) return void known.add(run);
  const runs = new Set([run]);
  waiting.set(socket, runs);
  socket.once('close', () => {
    waiting.delete(socket);
    for (const each of runs) each();
  });
}
