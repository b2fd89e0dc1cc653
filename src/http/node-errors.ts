import { OutgoingMessage } from 'node:http';
import { types } from 'node:util';

/** Node does not export its error classes; code and message are what callers look at. */
function nodeError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

/** What header mutators throw once the head is frozen. */
export function headersSentError(verb: 'set' | 'append' | 'remove' | 'write', http2: boolean): Error {
  return http2
    ? nodeError('ERR_HTTP2_HEADERS_SENT', 'Response has already been initiated.')
    : nodeError('ERR_HTTP_HEADERS_SENT', `Cannot ${verb} headers after they are sent to the client`);
}

/** What callbacks of a body get that will never go out. */
export function streamDestroyedError(method: string): Error {
  return nodeError('ERR_STREAM_DESTROYED', `Cannot call ${method} after a stream was destroyed`);
}

/** What a write gets that comes after the end. */
export function writeAfterEndError(): Error {
  return nodeError('ERR_STREAM_WRITE_AFTER_END', 'write after end');
}

/** Throws Node's own error for a chunk that `write` would refuse, before anything is frozen. */
export function checkChunk(chunk: unknown): void {
  if (typeof chunk === 'string' || types.isUint8Array(chunk)) return;
  Reflect.apply(OutgoingMessage.prototype.write, new OutgoingMessage(), [chunk]);
}

/** Calls back later, as streams do, with an error. Takes the arguments of `write` or `end` as they came. */
export function callBackWith(error: Error, ...args: readonly unknown[]): void {
  const callback = args.find((arg) => typeof arg === 'function');
  if (typeof callback === 'function') process.nextTick(() => callback(error));
}

/** Bytes of a chunk, as Node counts them. */
export function chunkBytes(chunk: unknown, encoding: unknown): number {
  if (typeof chunk === 'string') {
    return Buffer.byteLength(chunk, typeof encoding === 'string' && Buffer.isEncoding(encoding) ? encoding : 'utf8');
  }
  return types.isUint8Array(chunk) ? chunk.byteLength : 0;
}
