/**
 * Commit before the response: the one place where a response waits for the store.
 *
 * The first call that would send the head (`writeHead`, `write`, `end`, `flushHeaders`) asks the hooks. If they
 * have nothing to wait for, Node's methods are called at once. Otherwise the response is held: calls queue,
 * and everyone sees a response whose head has gone (held-response.ts). Then the calls are made in their order,
 * or the response starts over (after-failure.ts), or, where bytes are out, the connection is cut.
 *
 * A wrapper that was there before the gate is called by it, after the commit. A wrapper of `writeHead` that came
 * later (on-headers) is asked first, so that the commit sees the headers that it sets.
 */
import type { ServerResponse } from 'node:http';
import { argumentError } from '../core/errors.js';
import { Gate } from './gate-state.js';
import { type GatedResponse, type GateHooks, gateKey, type PipedSource } from './gate-types.js';
import type { HeadBefore } from './head-snapshot.js';
import { callBackWith, checkChunk, chunkBytes, headersSentError, streamDestroyedError } from './node-errors.js';

export type { GateHooks } from './gate-types.js';
export type { ResponseHead } from './response-head.js';

/**
 * Installs the gate on a response of node:http or of http2's compatibility layer. With `before`, a failed commit takes
 * the head back to what it was at that earlier moment.
 *
 * @throws SessionError `ERR_SESSION_ARGUMENT` if the response has one already.
 */
export function installGate(res: ServerResponse, hooks: GateHooks, before?: HeadBefore): void {
  // The one cast: the gate calls Node's methods with whatever arguments it was given.
  const gated = res as unknown as GatedResponse;
  if (gated[gateKey] !== undefined) {
    throw argumentError('session() runs twice on this request: mount it once, before the routes that need it.');
  }
  gated[gateKey] = new Gate(gated, hooks, writeHead, before);
  gated.write = write;
  gated.end = end;
  gated.writeHead = writeHead;
  gated.flushHeaders = flushHeaders;
  res.on('close', onClose);
  res.on('pipe', onPipe);
}

// Shared by all responses and assigned to each, so that a request makes no functions.

function write(this: GatedResponse, chunk?: unknown, encoding?: unknown, callback?: unknown): unknown {
  const gate = this[gateKey];
  switch (gate.phase) {
    case 'flowing':
      if (gate.remaining > 0) {
        checkChunk(chunk);
        gate.remaining -= chunkBytes(chunk, encoding);
        // The client takes the body for complete after this write, so what is due before the end is due now.
        if (gate.remaining <= 0) {
          gate.commitEnd();
          return gate.proceed('write', chunk, encoding, callback);
        }
      }
      break;
    case 'open':
    case 'asking':
      checkChunk(chunk);
      gate.freeze();
      return gate.proceed('write', chunk, encoding, callback);
    case 'held':
      checkChunk(chunk);
      return gate.enqueue('write', chunk, encoding, callback);
    case 'failed':
      callBackWith(streamDestroyedError('write'), encoding, callback);
      return true;
  }
  return gate.original.write.call(this, chunk, encoding, callback);
}

function end(this: GatedResponse, chunk?: unknown, encoding?: unknown, callback?: unknown): unknown {
  const gate = this[gateKey];
  switch (gate.phase) {
    case 'open':
    case 'asking':
      if (chunk && typeof chunk !== 'function') checkChunk(chunk);
      gate.freeze(true);
      return gate.proceedToEnd(chunk, encoding, callback);
    case 'flowing':
      if (chunk && typeof chunk !== 'function') checkChunk(chunk);
      gate.commitEnd();
      return gate.proceedToEnd(chunk, encoding, callback);
    case 'held':
      if (chunk && typeof chunk !== 'function') checkChunk(chunk);
      gate.enqueue('end', chunk, encoding, callback);
      gate.ended = true;
      return this;
    case 'failed':
      callBackWith(streamDestroyedError('end'), chunk, encoding, callback);
      return this;
  }
  return gate.original.end.call(this, chunk, encoding, callback);
}

function writeHead(this: GatedResponse, status?: unknown, reason?: unknown, headers?: unknown): unknown {
  const gate = this[gateKey];
  switch (gate.phase) {
    case 'open':
      // Node's own refusal, with Node's own error.
      if (!gate.takeHead(status, reason, headers)) break;
      gate.explicitHead = true;
      gate.commitHead();
      gate.proceedWithHead();
      return this;
    case 'asking':
      if (!gate.takeHead(status, reason, headers)) break;
      return this;
    case 'passing':
      gate.sendHead();
      return this;
    case 'held':
      if (gate.http2 && this.socket === undefined) return this;
      throw headersSentError('write', gate.http2);
    case 'failed':
      return this;
  }
  return gate.original.writeHead.call(this, status, reason, headers);
}

function flushHeaders(this: GatedResponse): unknown {
  const gate = this[gateKey];
  switch (gate.phase) {
    case 'open':
    case 'asking':
      gate.freeze();
      return void gate.proceed('flushHeaders');
    case 'held':
      return void gate.enqueue('flushHeaders');
    case 'failed':
      return undefined;
  }
  return gate.original.flushHeaders.call(this);
}

function onClose(this: ServerResponse): void {
  const gate = (this as unknown as GatedResponse)[gateKey];
  if (!gate.ended && (gate.phase === 'open' || gate.phase === 'held' || gate.phase === 'flowing')) gate.hooks.aborted();
}

function onPipe(this: ServerResponse, source: PipedSource): void {
  const gate = (this as unknown as GatedResponse)[gateKey];
  gate.sources = gate.sources === undefined ? [source] : [...gate.sources, source];
}
