import type { Socket } from 'node:net';
import { type GatedResponse, gateKey } from './gate-types.js';
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

/** What Node takes for a head that has gone: its own mutators then refuse, and `headersSent` says so. */
const goneHead = '\r\n';

/**
 * The face of one that is held by its very end, as most are: the rest of it Node's own members show, given `goneHead`
 * for a head. What is left of the calls to come is refused by the gate, and nothing of the body is counted.
 */
const endedFace: PropertyDescriptorMap = {
  writableEnded: { value: true, configurable: true },
  destroy: face.destroy as PropertyDescriptor,
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

/** A response under its face. */
export class Mask {
  readonly #res: GatedResponse;
  readonly #face: PropertyDescriptorMap;
  /** Own properties that some wrapper had put on the response. */
  #covered: Map<string, PropertyDescriptor> | undefined;

  /** `byEnd`: it is held by the call that ends it, with its head. */
  constructor(res: GatedResponse, byEnd: boolean) {
    this.#res = res;
    // HTTP/2 has no `_header`, and a response whose head is out has a real one.
    const light = byEnd && res._header === null;
    this.#face = light ? endedFace : face;
    for (const name in this.#face) {
      if (!Object.hasOwn(res, name)) continue;
      this.#covered ??= new Map();
      this.#covered.set(name, Object.getOwnPropertyDescriptor(res, name) as PropertyDescriptor);
    }
    Object.defineProperties(res, this.#face);
    if (light) res._header = goneHead;
  }

  off(): void {
    const res = this.#res;
    this.#showHead();
    // Last in, first out: V8 then finds back to the hidden class before.
    for (const name of Object.keys(this.#face).reverse()) Reflect.deleteProperty(res, name);
    for (const [name, own] of this.#covered ?? []) Object.defineProperty(res, name, own);
  }

  /** Calls a mutator as if nothing were held: of the response itself, or of its prototype. */
  change(name: 'setHeader' | 'removeHeader', ...args: unknown[]): void {
    const res = this.#res;
    if (this.#face === face) {
      Reflect.apply(this.#covered?.get(name)?.value ?? Object.getPrototypeOf(res)[name], res, args);
      return;
    }
    this.#showHead();
    try {
      Reflect.apply(res[name], res, args);
    } finally {
      res._header = goneHead;
    }
  }

  #showHead(): void {
    if (this.#res._header === goneHead) this.#res._header = null;
  }
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
