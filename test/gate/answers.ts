/** Every way of answering that plain Node knows, as a table. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Handler } from './support.js';

const big = 'x'.repeat(200_000);
const pieces = (count: number, size: number): Readable =>
  Readable.from(Array.from({ length: count }, (_, index) => Buffer.alloc(size, 97 + (index % 26))));

/** Each must answer the same with the gate as without. `http1` where HTTP/2 has no such thing. */
export const answers: Record<string, { handler: Handler; http1?: true; method?: string }> = {
  'end alone': { handler: (_req, res) => res.end() },
  'end with a body': { handler: (_req, res) => res.end('hello') },
  'end with an empty body': { handler: (_req, res) => res.end('') },
  'end with bytes': { handler: (_req, res) => res.end(Buffer.from([0, 255, 10, 13])) },
  'end with an encoding': { handler: (_req, res) => res.end('68656c6c6f', 'hex') },
  'end with a large body': { handler: (_req, res) => res.end(big) },
  'end in a later turn': { handler: (_req, res) => setImmediate(() => res.end('later')) },
  'status and headers, then end': {
    handler(_req, res) {
      res.statusCode = 201;
      res.setHeader('X-One', 'a');
      res.setHeader('x-many', ['b', 'c']);
      res.setHeader('Set-Cookie', ['a=1', 'b=2']);
      res.end('made');
    },
  },
  'a reason phrase': {
    http1: true,
    handler(_req, res) {
      res.statusMessage = 'Fine By Me';
      res.end('x');
    },
  },
  'write, then end': {
    handler(_req, res) {
      res.write('one ');
      res.write(Buffer.from('two '));
      res.end('three');
    },
  },
  'writes over several turns': {
    async handler(_req, res) {
      for (const word of ['one ', 'two ', 'three']) {
        res.write(word);
        await new Promise((next) => setImmediate(next));
      }
      res.end();
    },
  },
  'writes with Content-Length': {
    async handler(_req, res) {
      res.setHeader('Content-Length', 9);
      for (const word of ['one', 'two', 'six']) {
        res.write(word);
        await new Promise((next) => setImmediate(next));
      }
      res.end();
    },
  },
  'the whole Content-Length in one write, end from its callback': {
    handler(_req, res) {
      res.writeHead(200, { 'Content-Length': 5 });
      res.write('hello', () => res.end());
    },
  },
  'many large writes against back-pressure': {
    async handler(_req, res) {
      for (let index = 0; index < 40; index += 1) {
        if (!res.write(Buffer.alloc(10_000, 97 + (index % 26)))) await new Promise<void>((go) => res.once('drain', go));
      }
      res.end('!');
    },
  },
  'writeHead with a status': {
    handler(_req, res) {
      res.writeHead(404);
      res.end('no');
    },
  },
  'writeHead with a message': { http1: true, handler: (_req, res) => res.writeHead(404, 'Nope').end('no') },
  'writeHead with an object': {
    handler: (_req, res) =>
      res.writeHead(200, { 'Content-Type': 'text/plain', 'X-N': 7, 'Set-Cookie': ['a=1', 'b=2'] }).end('x'),
  },
  'writeHead with an object over earlier headers': {
    handler(_req, res) {
      res.setHeader('Set-Cookie', 'gone=1');
      res.setHeader('X-Kept', 'yes');
      res.writeHead(200, { 'set-cookie': ['a=1', 'b=2'], 'X-Other': 'too' }).end('x');
    },
  },
  'writeHead with a flat array': {
    handler: (_req, res) =>
      res.writeHead(200, ['Content-Type', 'text/plain', 'Set-Cookie', 'a=1', 'Set-Cookie', 'b=2']).end('x'),
  },
  'writeHead with pairs': {
    handler: (_req, res) =>
      res
        .writeHead(200, [
          ['Content-Type', 'text/plain'],
          ['Set-Cookie', 'a=1'],
          ['Set-Cookie', 'b=2'],
        ] as never)
        .end('x'),
  },
  'writeHead with message and headers': {
    http1: true,
    handler: (_req, res) => res.writeHead(200, 'Yes', { 'Content-Length': 2 }).end('ok'),
  },
  'writeHead, later the end': {
    handler(_req, res) {
      res.writeHead(200, { 'X-A': 'b' });
      setImmediate(() => res.end('later'));
    },
  },
  'flushHeaders, later the end': {
    handler(_req, res) {
      res.setHeader('X-A', 'b');
      res.flushHeaders();
      setImmediate(() => res.end('later'));
    },
  },
  'a status set after the head': {
    handler(_req, res) {
      res.write('a');
      res.statusCode = 500;
      res.end('b');
    },
  },
  '204': {
    handler(_req, res) {
      res.statusCode = 204;
      res.end();
    },
  },
  '304 with a body that must not go out': {
    http1: true,
    handler(_req, res) {
      res.statusCode = 304;
      res.setHeader('ETag', '"x"');
      res.end('never');
    },
  },
  HEAD: {
    method: 'HEAD',
    handler(_req, res) {
      res.setHeader('Content-Length', 5);
      res.end('hello');
    },
  },
  'HEAD with writes': {
    method: 'HEAD',
    http1: true,
    handler(_req, res) {
      res.write(big);
      res.end('x');
    },
  },
  'early hints, then an answer': {
    handler(_req, res) {
      res.writeEarlyHints({ link: '</a.css>; rel=preload; as=style' });
      res.end('x');
    },
  },
  '102, then an answer': {
    http1: true,
    handler(_req, res) {
      res.writeProcessing();
      res.end('x');
    },
  },
  trailers: {
    handler(_req, res) {
      res.setHeader('Trailer', 'X-Sum');
      res.write('body');
      res.addTrailers({ 'X-Sum': '42' });
      res.end();
    },
  },
  'cork and uncork': {
    handler(_req, res) {
      res.cork();
      res.write('a');
      res.write('b');
      res.uncork();
      res.end('c');
    },
  },
  'no Date': {
    handler(_req, res) {
      res.sendDate = false;
      res.end('x');
    },
  },
  'removed headers': {
    handler(_req, res) {
      res.setHeader('X-A', 'b');
      res.removeHeader('X-A');
      res.removeHeader('Content-Length');
      res.end('x');
    },
  },
  pipe: { handler: (_req, res) => pieces(30, 5_000).pipe(res) },
  'pipe of nothing': { handler: (_req, res) => pieces(0, 0).pipe(res) },
  pipeline: { handler: (_req, res) => pipeline(pieces(30, 5_000), res) },
  'pipeline of a generator': {
    handler: (_req, res) =>
      pipeline(async function* () {
        for (let index = 0; index < 20; index += 1) yield `${index} `.repeat(1_000);
      }, res),
  },
  'an echo of nothing': { handler: (req, res) => req.pipe(res) },
};
