/**
 * The state of one response behind its gate, and its transitions.
 *
 * Length: the transitions of one state machine, which are read together.
 */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { startOver } from './after-failure.js';
import { cutConnection } from './cut-connection.js';
import type { GatedMethod, GatedResponse, GateHooks, HeldCall, Originals, Phase, PipedSource } from './gate-types.js';
import { type HeadBefore, type HeadSnapshot, takeSnapshot } from './head-snapshot.js';
import { applyHeaderArgument } from './header-args.js';
import { guardSocket, Mask, unguardSocket } from './held-response.js';
import { callBackWith, chunkBytes, streamDestroyedError, writeAfterEndError } from './node-errors.js';
import type { ResponseHead } from './response-head.js';

const noCalls: HeldCall[] = [];

/** What Node refuses in a status line. */
const illegalReason = /[^\t\x20-\x7e\x80-\xff]/;

/** The state of one response behind its gate, and its transitions. It is also the `head` that the hooks write to. */
export class Gate implements ResponseHead {
  readonly res: GatedResponse;
  readonly hooks: GateHooks;
  readonly original: Originals;
  readonly snapshot: HeadSnapshot;
  readonly http2: boolean;
  phase: Phase;
  /** `writeHead` was called by name: Node makes the head then, without knowing the length of the body. */
  explicitHead = false;
  /** Node has made the head. */
  headOut: boolean;
  /** The handler has ended the response. */
  ended = false;
  calls = noCalls;
  heldLength = 0;
  /** A write was answered with false, and nobody but the gate will say when to go on. */
  owesDrain = false;
  /** Bytes up to the end of a `Content-Length`; NaN where there is nothing to count. */
  remaining = Number.NaN;
  /** What a destroy during the hold was called on. */
  doomed: { destroy(): unknown } | undefined;
  sources: readonly PipedSource[] | undefined;
  /** For after-failure.ts: the `failed` hook is running; somebody has begun the new answer. */
  answering = false;
  answered = false;

  readonly #writeHead: GatedMethod;
  /** Status and reason of the frozen head: a later change has no effect on the response. */
  #status = 0;
  #reason: string | undefined;
  /** No commit is due at the end: it was the call that froze the head, or the hook has been asked. */
  #endSettled = false;
  #mask: Mask | undefined;
  #socket: Socket | undefined;

  constructor(res: GatedResponse, hooks: GateHooks, gatedWriteHead: GatedMethod, before?: HeadBefore) {
    this.res = res;
    this.hooks = hooks;
    this.#writeHead = gatedWriteHead;
    this.http2 = (res.req?.httpVersionMajor ?? 1) >= 2;
    this.original = {
      write: res.write,
      end: res.end,
      writeHead: res.writeHead,
      flushHeaders: res.flushHeaders,
      on: res.on,
    };
    this.snapshot = takeSnapshot(res, this.http2, before);
    this.headOut = res.headersSent;
    this.phase = res.writableEnded ? 'done' : this.headOut ? 'flowing' : 'open';
  }

  /** Freezes the head of a response that did not call `writeHead`. Afterwards the phase says how to go on. `byEnd`: it is `end` that does. */
  freeze(byEnd = false): void {
    if (this.phase === 'open' && this.res.writeHead !== this.#writeHead) {
      this.phase = 'asking';
      try {
        this.res.writeHead(this.res.statusCode);
      } finally {
        if (this.phase === 'asking') this.phase = 'open';
      }
      if (this.phase !== 'open') return;
    }
    this.commitHead(byEnd);
  }

  /** Takes the arguments of a `writeHead` as Node does. False where Node refuses them by throwing. */
  takeHead(status: unknown, reason: unknown, headers: unknown): boolean {
    const { res, http2 } = this;
    const code = Number(status) | 0;
    if (code < (http2 ? 200 : 100) || code > (http2 ? 599 : 999)) return false;
    const hasReason = typeof reason === 'string';
    if (hasReason && !http2) res.statusMessage = reason;
    res.statusCode = code;
    return applyHeaderArgument(res, hasReason ? headers : (headers ?? reason));
  }

  /** Asks for the commit that is due before the head: the phase is `passing`, `held` or `failed` then. */
  commitHead(byEnd = false): void {
    const { res } = this;
    this.#status = res.statusCode;
    if (!this.http2 && res.statusMessage && illegalReason.test(res.statusMessage)) {
      // Refused before the commit rather than after it; Node throws here.
      this.original.writeHead.call(res, this.#status);
    }
    this.phase = 'passing';
    try {
      this.#waitFor(this.hooks.beforeHead(this), byEnd);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Asks for the commit that is due before the end: the phase is `passing`, `held` or `cut` then. */
  commitEnd(): void {
    this.phase = 'passing';
    try {
      this.#waitFor(this.hooks.beforeEnd());
    } catch (error) {
      this.fail(error);
    }
  }

  /** Makes the call that froze the response, or queues or drops it, as the commit has decided. */
  proceed(method: 'write' | 'flushHeaders', a?: unknown, b?: unknown, c?: unknown): unknown {
    if (this.phase === 'held') return this.enqueue(method, a, b, c);
    if (this.phase === 'failed' || this.phase === 'cut') return this.#drop({ method, a, b, c });
    const first = !this.headOut;
    try {
      return this.#call(method, a, b, c);
    } finally {
      this.#flow(first);
      if (method === 'write' && !Number.isNaN(this.remaining)) this.remaining -= chunkBytes(a, b);
    }
  }

  proceedToEnd(a: unknown, b: unknown, c: unknown): GatedResponse {
    const { res } = this;
    this.#endSettled = true;
    if (this.phase === 'held') {
      this.enqueue('end', a, b, c);
      this.ended = true;
    } else if (this.phase === 'failed' || this.phase === 'cut') {
      this.#drop({ method: 'end', a, b, c });
    } else {
      try {
        this.#call('end', a, b, c);
        this.ended = true;
      } finally {
        this.phase = this.ended ? 'done' : 'flowing';
      }
      this.hooks.done();
    }
    return res;
  }

  proceedWithHead(): void {
    if (this.phase !== 'passing') return;
    try {
      this.sendHead();
    } finally {
      this.#flow(true);
    }
  }

  /** Has Node make the head: with the frozen status, whatever has been set since. */
  sendHead(): void {
    const { writeHead } = this.original;
    if (this.#reason === undefined) writeHead.call(this.res, this.#status);
    else writeHead.call(this.res, this.#status, this.#reason);
    this.headOut = true;
  }

  enqueue(method: HeldCall['method'], a?: unknown, b?: unknown, c?: unknown): boolean {
    const { res, http2 } = this;
    if (this.ended && (method === 'write' || (a && typeof a !== 'function'))) {
      this.#refuseAfterEnd(a, b, c);
      return false;
    }
    this.calls.push({ method, a, b, c });
    if (method !== 'write') return true;
    // Node's own write will say so when its turn comes.
    if (res.destroyed) return false;
    if (this.#hasNoBody()) return !http2;
    // Characters of a string rather than bytes: Node's own measure for a response.
    this.heldLength += typeof a === 'string' ? a.length : chunkBytes(a, b);
    const goOn = this.heldLength < res.writableHighWaterMark;
    if (!goOn) this.owesDrain = true;
    return goOn;
  }

  fail(error: unknown): void {
    const { calls, doomed } = this;
    this.#unhold();
    if (this.headOut || this.res.headersSent) {
      this.phase = 'cut';
      cutConnection(this.res, this.http2);
      for (const call of calls) this.#drop(call);
      this.hooks.cut(error);
      return;
    }
    this.phase = 'failed';
    startOver(this.res);
    for (const call of calls) this.#drop(call);
    if (doomed) this.res.once('finish', () => doomed.destroy());
    this.answering = true;
    try {
      this.hooks.failed(error);
    } finally {
      this.answering = false;
    }
  }

  getHeader(name: string): number | string | string[] | undefined {
    return this.res.getHeader(name);
  }

  hasHeader(name: string): boolean {
    return this.res.hasHeader(name);
  }

  setHeader(name: string, value: number | string | readonly string[]): void {
    if (this.#mask) this.#mask.change('setHeader', name, value);
    else this.res.setHeader(name, value);
  }

  removeHeader(name: string): void {
    if (this.#mask) this.#mask.change('removeHeader', name);
    else this.res.removeHeader(name);
  }

  #waitFor(pending: void | Promise<void>, byEnd = false): void {
    if (pending === undefined) return;
    const { res } = this;
    this.phase = 'held';
    if (!this.headOut && !this.http2) {
      res.statusMessage ||= STATUS_CODES[this.#status] ?? 'unknown';
      this.#reason = res.statusMessage;
    }
    this.calls = [];
    this.heldLength = 0;
    this.#mask = new Mask(res, byEnd);
    if (!this.http2) this.#socket = guardSocket(res);
    Promise.resolve(pending).then(
      () => this.#settled(),
      (error) => this.fail(error),
    );
  }

  #settled(): void {
    if (!this.ended || this.#endSettled) {
      this.#release();
      return;
    }
    // The end came by a call of its own while the head was held: it may have changes of its own, and while
    // nothing is out their failure can still be told.
    this.#endSettled = true;
    let pending: void | Promise<void>;
    try {
      pending = this.hooks.beforeEnd();
    } catch (error) {
      this.fail(error);
      return;
    }
    if (pending === undefined) this.#release();
    else
      Promise.resolve(pending).then(
        () => this.#release(),
        (error) => this.fail(error),
      );
  }

  #release(): void {
    const { res, calls, doomed, headOut, http2 } = this;
    const status = res.statusCode;
    const reason = http2 ? undefined : res.statusMessage;
    this.#unhold();
    this.phase = 'passing';
    let goOn = true;
    try {
      if (this.explicitHead && !headOut) this.sendHead();
      for (const { method, a, b, c } of calls) {
        const answer = this.#call(method, a, b, c);
        if (method === 'write' && answer === false) goOn = false;
      }
    } catch (error) {
      // What Node refuses only now, it would have refused in the handler's own call.
      this.fail(error);
      return;
    }
    // As after a head in Node: what was set too late is there to read, and nowhere else.
    if (res.statusCode !== status) res.statusCode = status;
    if (reason !== undefined) res.statusMessage = reason;
    if (this.ended) {
      this.phase = 'done';
      this.hooks.done();
    } else {
      this.#flow(!headOut);
      if (!Number.isNaN(this.remaining))
        for (const { method, a, b } of calls) if (method === 'write') this.remaining -= chunkBytes(a, b);
      // Node says it where a write was too much for Node as well.
      if (this.owesDrain && goOn) process.nextTick(emitDrain, res);
    }
    this.owesDrain = false;
    doomed?.destroy();
  }

  #unhold(): void {
    if (this.phase !== 'held') return;
    this.#mask?.off();
    this.#mask = undefined;
    if (this.#socket) unguardSocket(this.#socket);
    this.#socket = undefined;
    this.calls = noCalls;
    this.doomed = undefined;
  }

  /** Calls an original past the wrappers of `writeHead` that have been asked already. */
  #call(method: HeldCall['method'], a: unknown, b: unknown, c: unknown): unknown {
    const { res } = this;
    const run: GatedMethod = method === 'cork' || method === 'uncork' ? res[method] : this.original[method];
    const outer = res.writeHead;
    if (outer === this.#writeHead) return run.call(res, a, b, c);
    res.writeHead = this.#writeHead;
    try {
      return run.call(res, a, b, c);
    } finally {
      if (res.writeHead === this.#writeHead) res.writeHead = outer;
    }
  }

  /** The head is out and more may follow. `first`: it went just now, so that its length is to be read. */
  #flow(first: boolean): void {
    this.phase = 'flowing';
    const length = first && !this.#hasNoBody() ? this.res.getHeader('content-length') : undefined;
    this.remaining = length === undefined ? Number.NaN : Number(length);
  }

  #hasNoBody(): boolean {
    return this.res.req?.method === 'HEAD' || this.#status === 204 || this.#status === 304;
  }

  /**
   * Without a hold, a write this late finds a finished response, where Node tells the callback and no more. Made
   * after the hold it would raise an error that crashes the process, or in HTTP/2 take the response along.
   */
  #refuseAfterEnd(...args: readonly unknown[]): void {
    const error = writeAfterEndError();
    callBackWith(error, ...args);
    if (!this.http2 && this.res.listenerCount('error') > 0) process.nextTick(() => this.res.emit('error', error));
  }

  #drop({ method, a, b, c }: HeldCall): boolean {
    if (method === 'write' || method === 'end') callBackWith(streamDestroyedError(method), a, b, c);
    return true;
  }
}

function emitDrain(res: GatedResponse): void {
  if (!res.writableEnded && !res.destroyed) res.emit('drain');
}
