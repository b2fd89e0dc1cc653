import type { Socket } from 'node:net';
import { type GatedMethod, type GatedResponse, gateKey } from './gate-types.js';
import { headersSentError } from './node-errors.js';

/**
 * The face of a response while a commit holds it: to the handler and to everything else in the process it
 * reads and behaves like one whose head, and perhaps end, has gone out.
 *
 * `finished` stays false: `server.close()` destroys connections whose response is `finished` as idle, and with
 * them what is held. Nothing here is a closure, so that a hold costs a few properties and no functions.
 */
const face: PropertyDescriptorMap = {
  headersSent: accessor(() => true),
  writableEnded: accessor((res) => res[gateKey].ended),
  writableNeedDrain: accessor((res) => res[gateKey].owesDrain && !res[gateKey].ended),
  writableLength: accessor((res) => res[gateKey].heldLength + (res.socket?.writableLength ?? 0)),
  setHeader: method((res) => refuse(res, 'set')),
  setHeaders: method((res) => refuse(res, 'set')),
  appendHeader: method((res) => refuse(res, 'append')),
  removeHeader: method((res) => refuse(res, 'remove')),
  // Called by compression before each write as long as Node itself has no head.
  _implicitHeader: method(() => undefined),
  cork: method((res) => void res[gateKey].calls.push({ method: 'cork' })),
  uncork: method((res) => void res[gateKey].calls.push({ method: 'uncork' })),
  destroy: method(destroy),
};

function accessor(get: (res: GatedResponse) => unknown): PropertyDescriptor {
  return {
    get(this: GatedResponse) {
      return get(this);
    },
    configurable: true,
  };
}

function method(run: (res: GatedResponse, argument: unknown) => unknown): PropertyDescriptor {
  return {
    value(this: GatedResponse, argument: unknown) {
      return run(this, argument);
    },
    configurable: true,
    writable: true,
  };
}

function refuse(res: GatedResponse, verb: 'set' | 'append' | 'remove'): never {
  throw headersSentError(verb, res[gateKey].http2);
}

/** For `res.destroy`, what `destroyHeldSocket` is for its socket. */
function destroy(res: GatedResponse, error: unknown): unknown {
  const gate = res[gateKey];
  if (!gate.http2 && gate.ended && !error) gate.doomed ??= res;
  else Reflect.apply(Object.getPrototypeOf(res).destroy, res, [error]);
  return res;
}

/** What `mask` covered, for `unmask`: own properties that some wrapper had put on the response. */
export type Covered = ReadonlyMap<string, PropertyDescriptor> | undefined;

export function mask(res: GatedResponse): Covered {
  let covered: Map<string, PropertyDescriptor> | undefined;
  for (const name in face) {
    if (!Object.hasOwn(res, name)) continue;
    covered ??= new Map();
    covered.set(name, Object.getOwnPropertyDescriptor(res, name) as PropertyDescriptor);
  }
  Object.defineProperties(res, face);
  return covered;
}

export function unmask(res: GatedResponse, covered: Covered): void {
  for (const name in face) Reflect.deleteProperty(res, name);
  for (const [name, own] of covered ?? []) Object.defineProperty(res, name, own);
}

/** The method that `mask` covered: of the response itself, or of its prototype. */
export function uncovered(res: GatedResponse, covered: Covered, name: 'setHeader' | 'removeHeader'): GatedMethod {
  return covered?.get(name)?.value ?? (res[gateKey].phase === 'held' ? Object.getPrototypeOf(res)[name] : res[name]);
}

type HeldSocket = Socket & { [gateKey]?: GatedResponse };

/**
 * An error after a complete response makes Express destroy the socket, and by then the response has left.
 * While it is held it has not, so such a destroy waits for the commit. One that brings an error is the
 * connection's own end, and one before the response is ended would have cut it anyway: those do not wait.
 */
export function guardSocket(res: GatedResponse): Socket | undefined {
  const socket = res.socket as HeldSocket | null;
  if (!socket || Object.hasOwn(socket, 'destroy')) return undefined;
  socket[gateKey] = res;
  socket.destroy = destroyHeldSocket;
  return socket;
}

function destroyHeldSocket(this: HeldSocket, error?: Error): Socket {
  const gate = this[gateKey]?.[gateKey];
  if (gate?.ended && !error) gate.doomed ??= this;
  else unguardSocket(this).destroy(error);
  return this;
}

export function unguardSocket(socket: Socket): Socket {
  Reflect.deleteProperty(socket, 'destroy');
  Reflect.deleteProperty(socket, gateKey);
  return socket;
}
