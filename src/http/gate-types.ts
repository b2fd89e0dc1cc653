import type { ServerResponse } from 'node:http';
import type { Gate } from './gate-state.js';
import type { ResponseHead } from './response-head.js';

export interface GateHooks {
  /**
   * Once, before the first header byte. A promise holds the response until it settles. Headers are set on
   * `head`: on the response itself the mutators throw by then, as Node's do after the head.
   * A throw or rejection is a failure before any byte is out.
   */
  beforeHead(head: ResponseHead): void | Promise<void>;
  /**
   * Before the end of a response whose head went out in an earlier call (streams), and before the write that
   * completes a `Content-Length`; so it can come twice. A throw or rejection cuts the connection, or, where the
   * head is still held, is a failure before any byte. Not called when head and end are the same call.
   */
  beforeEnd(): void | Promise<void>;
  /**
   * The commit failed before any byte: headers and status are as they were at install time, wrappers that came
   * later are off, nothing of the held body goes out. Called once. Whoever answers later than in this very call
   * sets a status or a header first (all of Express's ways do): a bare `write` or `end` is taken for the old
   * handler, which may still be running, and dropped.
   */
  failed(error: unknown): void;
  /** The commit failed after bytes were out; the connection is destroyed. Called once. */
  cut(error: unknown): void;
  /** The connection closed before the response was ended. A handler may still end it: then the commit hooks run. */
  aborted(): void;
  /** After the end was passed on: nothing of the response is held any more. */
  done(): void;
}

/**
 * - `open`: nothing is decided.
 * - `asking`: wrappers of `writeHead` that came after the gate have their say.
 * - `held`: a commit is under way, calls queue.
 * - `passing`: originals are being called for what was held, or for a call that froze the head without waiting.
 * - `flowing`: the head is out.
 * - `done`: the end is out.
 * - `failed`, `cut`: see the hooks.
 */
export type Phase = 'open' | 'asking' | 'held' | 'passing' | 'flowing' | 'done' | 'failed' | 'cut';

/** The gate of a response. A symbol of this copy of the package, so that two copies do not mix. */
export const gateKey: unique symbol = Symbol('holdfast.gate');

/** Arguments pass through untouched: what a handler may give and what Node refuses is Node's business. */
export type GatedMethod = (this: GatedResponse, a?: unknown, b?: unknown, c?: unknown) => unknown;

type Replaced = 'write' | 'end' | 'writeHead' | 'flushHeaders' | 'on';

/** The methods that the gate replaces, as they were. `on` is only looked after: compression replaces it. */
export type Originals = { readonly [Name in Replaced]: GatedMethod };

/** A response of node:http, or of http2's compatibility layer, seen as the gate uses it. */
export type GatedResponse = Omit<ServerResponse, Replaced | 'cork' | 'uncork' | 'destroy'> & {
  [Name in Replaced | 'cork' | 'uncork' | 'destroy']: GatedMethod;
} & {
  [gateKey]: Gate;
  getRawHeaderNames?(): string[];
  /** Node's own: the text of the head, null until it is made; absent in HTTP/2. */
  _header?: string | null;
};

/** A stream that pipes into a response. */
export interface PipedSource {
  unpipe?(target: unknown): unknown;
}

/** A call that waits for the commit. */
export interface HeldCall {
  readonly method: 'write' | 'end' | 'flushHeaders' | 'cork' | 'uncork';
  readonly a?: unknown;
  readonly b?: unknown;
  readonly c?: unknown;
}
