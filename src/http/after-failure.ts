import { type GatedResponse, gateKey } from './gate-types.js';
import { matchesSnapshot, restoreSnapshot } from './head-snapshot.js';
import { callBackWith, streamDestroyedError } from './node-errors.js';

/**
 * Turns a response whose commit failed into a fresh one for the error handler.
 *
 * The handler that made the old answer may still be running. Streams that pipe into the response are unpiped.
 * Wrappers mounted after the gate (compression, say) are taken off, since half of the old body may be inside
 * them; what they still push arrives at the gate's own methods, and ends there. Calls that the old handler
 * makes on the response itself look like the error handler's own: until a status or a header is set they are
 * dropped, and again once the new answer is ended, where Node would raise an error that nobody listens for.
 */
export function startOver(res: GatedResponse): void {
  const gate = res[gateKey];
  for (const source of gate.sources ?? []) source.unpipe?.(res);
  restoreSnapshot(res, gate.http2, gate.snapshot);
  res.write = write;
  res.end = end;
  res.flushHeaders = flushHeaders;
  res.writeHead = writeHead;
  if (res.on !== gate.original.on) res.on = gate.original.on;
}

function isLate(res: GatedResponse): boolean {
  const gate = res[gateKey];
  if (res.writableEnded) return true;
  gate.answered ||= gate.answering || !matchesSnapshot(res, gate.snapshot);
  return !gate.answered;
}

function write(this: GatedResponse, chunk?: unknown, encoding?: unknown, callback?: unknown): unknown {
  if (!isLate(this)) return this[gateKey].original.write.call(this, chunk, encoding, callback);
  callBackWith(streamDestroyedError('write'), encoding, callback);
  return true;
}

function end(this: GatedResponse, chunk?: unknown, encoding?: unknown, callback?: unknown): unknown {
  if (!isLate(this)) return this[gateKey].original.end.call(this, chunk, encoding, callback);
  callBackWith(streamDestroyedError('end'), chunk, encoding, callback);
  return this;
}

function flushHeaders(this: GatedResponse): unknown {
  return isLate(this) ? undefined : this[gateKey].original.flushHeaders.call(this);
}

function writeHead(this: GatedResponse, status?: unknown, reason?: unknown, headers?: unknown): unknown {
  this[gateKey].answered = true;
  return this[gateKey].original.writeHead.call(this, status, reason, headers);
}
