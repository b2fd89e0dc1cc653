import { rmSync, writeFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import compression from 'compression';
import express5, { type Express, type NextFunction, type Request, type Response } from 'express';
import { afterAll, describe, expect, test } from 'vitest';
import { installGate } from '../../src/http/gate.js';
import { deferred, get, Log, rawRequest, serve, timeless, turns, until } from './support.js';

// The alias has no types of its own; what is used here is the same in both.
const express4 = createRequire(import.meta.url)('express4') as typeof express5;
const versions = { 'Express 4': express4, 'Express 5': express5 };

const file = join(tmpdir(), `holdfast-gate-${process.pid}.txt`);
writeFileSync(file, 'line of a file\n'.repeat(10_000));
afterAll(() => rmSync(file));

/** As the session's own errors, it says which status fits it. */
const storeError = (): Error => Object.assign(new Error('store'), { status: 503 });

type Commit = (when: 'head' | 'end') => void | Promise<void>;
type Way = 'none' | 'before' | 'after';

/** Every way of answering that Express adds. Errors reach the error handler below, which answers 503. */
function routes(app: Express): void {
  app.get('/send', (_req, res) => void res.cookie('a', '1').status(201).send('hello'));
  app.get('/send-large', (_req, res) => void res.type('text').send('large '.repeat(20_000)));
  app.get('/json', (_req, res) => void res.json({ a: [1, 2, 3], text: 'x'.repeat(3_000) }));
  app.get('/redirect', (_req, res) => res.redirect('/elsewhere'));
  app.get('/file', (_req, res) => res.sendFile(file));
  app.get('/file-range', (_req, res) => res.sendFile(file));
  app.get('/download', (_req, res) => res.download(file, 'name.txt'));
  app.get('/no-content', (_req, res) => void res.sendStatus(204));
  app.get('/fresh', (_req, res) => void res.set('ETag', '"x"').send('body'));
  app.get('/pipe', (_req, res) => {
    res.type('text');
    Readable.from(Array.from({ length: 20 }, (_, index) => `${index} `.repeat(2_000))).pipe(res);
  });
  app.get('/writes', (_req, res) => {
    res.type('text');
    res.write('a'.repeat(2_000));
    setImmediate(() => res.end('b'));
  });
  app.get('/throws', () => {
    throw new Error('before any answer');
  });
}

function build(express: typeof express5, commit: Commit | undefined, way: Way, logs: Log[] = []): RequestListener {
  const app = express();
  app.set('env', 'test');
  if (way === 'before') app.use(compression({ threshold: 100 }));
  app.use((_req: Request, res: Response, next: NextFunction) => {
    if (commit) {
      const log = new Log(commit, next);
      logs.push(log);
      installGate(res, log);
    }
    next();
  });
  if (way === 'after') app.use(compression({ threshold: 100 }));
  routes(app);
  app.get('/throws-after-send', (_req, res) => {
    res.send('the whole answer');
    throw new Error('after the answer');
  });
  app.use((_error: Error, _req: Request, res: Response, next: NextFunction) => {
    if (res.headersSent) next(_error);
    else res.status(503).json({ error: 'no session' });
  });
  return app;
}

async function ask(listener: RequestListener, path: string, headers = ''): Promise<string> {
  const running = await serve('http', listener);
  try {
    return timeless(await rawRequest('http', running.port, get(path, 'GET', headers)).closed);
  } finally {
    await running.close();
  }
}

/** Head and decoded body: how many chunks, and how gzip cut its blocks, follows from timing. */
function decoded(answer: string): { head: string; body: string } {
  const at = answer.indexOf('\r\n\r\n');
  const head = answer.slice(0, at);
  let body = answer.slice(at + 4);
  if (/transfer-encoding: chunked/i.test(head)) {
    let joined = '';
    for (let size = Number.NaN; size !== 0; ) {
      const line = body.indexOf('\r\n');
      size = Number.parseInt(body.slice(0, line), 16);
      joined += body.slice(line + 2, line + 2 + size);
      body = body.slice(line + 4 + size);
    }
    body = joined;
  }
  if (/content-encoding: gzip/i.test(head)) body = gunzipSync(Buffer.from(body, 'latin1')).toString('latin1');
  return { head, body };
}

const paths: [string, string][] = [
  ['/send', ''],
  ['/send-large', ''],
  ['/json', ''],
  ['/redirect', ''],
  ['/file', ''],
  ['/file-range', 'Range: bytes=5-500\r\n'],
  ['/download', ''],
  ['/no-content', ''],
  ['/fresh', 'If-None-Match: "x"\r\n'],
  ['/pipe', ''],
  ['/writes', ''],
  ['/throws', ''],
  ['/nowhere', ''],
];

describe.each(Object.entries(versions))('%s', (_name, express) => {
  describe.each<Way>(['none', 'before', 'after'])('compression %s', (way) => {
    const accept = way === 'none' ? '' : 'Accept-Encoding: gzip\r\n';

    test.each(paths)('%s answers as without the gate', async (path, headers) => {
      const bare = decoded(await ask(build(express, undefined, way), path, headers + accept));
      for (const commit of [() => undefined, async () => {}, () => turns(4)]) {
        const logs: Log[] = [];
        expect(decoded(await ask(build(express, commit, way, logs), path, headers + accept))).toEqual(bare);
        await until(() => logs[0]?.events.at(-1) === 'done');
        expect(logs[0]?.events.filter((event) => event === 'head')).toHaveLength(1);
      }
    });

    test.each(paths)('%s gives the error and nothing else when the commit fails', async (path, headers) => {
      for (const commit of [() => turns(2).then(() => Promise.reject(storeError())), failsAtOnce]) {
        const logs: Log[] = [];
        const answer = await ask(build(express, commit, way, logs), path, headers + accept);
        const { head, body } = decoded(answer);
        expect(head).toMatch(/^HTTP\/1\.1 503 /);
        expect(head).not.toMatch(/set-cookie|location|etag: "x"|content-range|content-disposition/i);
        // What made the answer is behind us in Express's stack: where that was the error handler, its own default is left.
        if (path === '/throws' || path === '/nowhere') expect(body).toMatch(/<pre>Error: store/);
        else expect(body).toBe('{"error":"no session"}');
        await turns();
        expect(logs[0]?.events).toEqual(['head', 'failed']);
      }
    });
  });

  test('an error after the answer leaves the answer whole', async () => {
    const bare = await ask(build(express, undefined, 'none'), '/throws-after-send');
    expect(bare).toContain('the whole answer');
    for (const commit of [() => undefined, async () => {}, () => turns(10)]) {
      expect(await ask(build(express, commit, 'none'), '/throws-after-send')).toBe(bare);
    }
  });

  test('an error after the answer does not spoil the answer of a failed commit', async () => {
    const answer = await ask(
      build(express, () => turns(5).then(() => Promise.reject(storeError())), 'none'),
      '/throws-after-send',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 503 [\s\S]*<pre>Error: store/);
    expect(answer).not.toContain('the whole answer');
  });

  test('a large file waits for the commit, then flows to its end', async () => {
    const gate = deferred();
    const logs: Log[] = [];
    const running = await serve(
      'http',
      build(express, (when) => (when === 'head' ? gate.promise : undefined), 'none', logs),
    );
    const request = rawRequest('http', running.port, get('/file'));
    await until(() => logs[0]?.events[0] === 'head');
    await turns();
    expect(request.received()).toBe('');
    gate.resolve();
    expect(decoded(await request.closed).body).toHaveLength(150_000);
    await running.close();
  });

  test('a handler that answers and then calls next() disturbs nothing', async () => {
    const app = express();
    app.use((_req: Request, res: Response, next: NextFunction) => {
      installGate(res, new Log(() => turns(5), next));
      next();
    });
    const inner = express();
    inner.get('/', (_req: Request, res: Response, next: NextFunction) => {
      res.send('answered');
      next();
    });
    app.use('/inner', inner);
    expect(decoded(await ask(app, '/inner')).body).toBe('answered');
  });
});

function failsAtOnce(): void {
  throw storeError();
}
