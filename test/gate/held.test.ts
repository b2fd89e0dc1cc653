/**
 * Length: each thing that Node promises of a response, while it is held; a list of cases over shared set-up.
 */
import type { ServerResponse } from 'node:http';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { appendSetCookie } from '../../src/http/cookie.js';
import { installGate, type ResponseHead } from '../../src/http/gate.js';
import {
  deferred,
  gated,
  get,
  type Handler,
  http2Request,
  Log,
  type Protocol,
  type Running,
  rawRequest,
  serve,
  turns,
  until,
} from './support.js';

const running: Running[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.close();
});

async function start(listener: Parameters<typeof serve>[1], protocol: Protocol = 'http'): Promise<number> {
  const server = await serve(protocol, listener);
  running.push(server);
  return server.port;
}

/** A server whose commits wait for `gate`; the response of the last request is `res()`. */
async function held(handler: Handler, protocol: Protocol = 'http', onFailed?: (res: ServerResponse) => void) {
  const gate = deferred();
  let res: ServerResponse | undefined;
  const log = new Log(
    () => gate.promise,
    () => res && onFailed?.(res),
  );
  const port = await start(
    gated(
      (req, response) => {
        res = response;
        return handler(req, response);
      },
      () => log,
    ),
    protocol,
  );
  return { gate, log, port, res: () => res as ServerResponse };
}

const codeOf = (run: () => unknown): unknown => {
  try {
    run();
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
};

describe.each(['http', 'http2'] as const)('a held response over %s', (protocol) => {
  const send = (port: number) => (protocol === 'http' ? rawRequest('http', port, get()) : http2Request(port));
  const sentCode = protocol === 'http' ? 'ERR_HTTP_HEADERS_SENT' : 'ERR_HTTP2_HEADERS_SENT';

  test('reads and behaves like one that has been sent', async () => {
    const { gate, log, port, res } = await held((_req, response) => response.end('x'), protocol);
    const request = send(port);
    await until(() => log.events.length > 0);
    const response = res();
    expect([response.headersSent, response.writableEnded, response.writableFinished]).toEqual([true, true, false]);
    for (const change of [
      () => response.setHeader('X-Late', '1'),
      () => response.appendHeader('X-Late', '1'),
      () => response.removeHeader('X-Late'),
      () => response.writeHead(500),
    ]) {
      expect(codeOf(change)).toBe(sentCode);
    }
    gate.resolve();
    expect(JSON.stringify(await request.closed)).not.toMatch(/late/i);
    expect([response.headersSent, response.writableEnded, response.writableFinished]).toEqual([true, true, true]);
  });

  test('is not ended by a write alone', async () => {
    const { gate, log, port, res } = await held((_req, response) => response.write('x'), protocol);
    const request = send(port);
    await until(() => log.events.length > 0);
    expect([res().headersSent, res().writableEnded]).toEqual([true, false]);
    gate.resolve();
    await turns();
    res().end();
    await request.closed;
    expect(log.events).toEqual(['head', 'end', 'done']);
  });

  test('a commit can add headers when nobody else can', async () => {
    const line = 'sid=1; Path=/; HttpOnly; SameSite=Lax';
    const port = await start((_req, res) => {
      installGate(res, {
        async beforeHead(head: ResponseHead) {
          await turns(2);
          expect(codeOf(() => res.setHeader('X-Late', '1'))).toBe(sentCode);
          expect(head.hasHeader('set-cookie')).toBe(true);
          appendSetCookie(head, line);
          head.removeHeader('x-gone');
        },
        beforeEnd() {},
        failed: (error) => {
          throw error;
        },
        cut() {},
        aborted() {},
        done() {},
      });
      res.setHeader('Set-Cookie', 'lost=1');
      res.writeHead(200, { 'SET-cookie': ['a=1', 'b=2'], 'X-Gone': 'x' });
      res.end();
    }, protocol);
    const answer = await send(port).closed;
    const cookies =
      typeof answer === 'string'
        ? [...answer.matchAll(/set-cookie: (.*)\r\n/gi)].map((match) => match[1])
        : answer.headers['set-cookie'];
    expect(cookies).toEqual(['a=1', 'b=2', line]);
    expect(JSON.stringify(answer)).not.toMatch(/x-gone/i);
  });

  test('write answers false from the high-water mark on, and drain comes once the commit is over', async () => {
    const answers: boolean[] = [];
    let drains = 0;
    const { gate, log, port, res } = await held((_req, response) => {
      response.on('drain', () => {
        drains += 1;
      });
      answers.push(response.write('x'), response.write(Buffer.alloc(response.writableHighWaterMark)));
    }, protocol);
    const request = send(port);
    await until(() => log.events.length > 0);
    await turns();
    expect(answers).toEqual([true, false]);
    expect(res().writableNeedDrain ?? true).toBe(true);
    expect(res().writableLength).toBeGreaterThan(res().writableHighWaterMark);
    expect(drains).toBe(0);
    gate.resolve();
    await until(() => drains > 0);
    res().end();
    await request.closed;
    expect(drains).toBe(1);
  });

  test('the callbacks of writes and of the end are called once each, after the commit', async () => {
    const called: string[] = [];
    const { gate, log, port } = await held((_req, response) => {
      response.write('a', () => called.push('a'));
      response.write('b', 'utf8', () => called.push('b'));
      response.end('c', () => called.push('end'));
    }, protocol);
    const request = send(port);
    await until(() => log.events.length > 0);
    await turns();
    expect(called).toEqual([]);
    gate.resolve();
    await request.closed;
    await until(() => called.length === 3);
    expect(called).toEqual(['a', 'b', 'end']);
  });

  test('when the commit fails, the callbacks get an error, once each', async () => {
    const called: unknown[] = [];
    const { gate, port, log } = await held(
      (_req, response) => {
        response.write('a', (error) => called.push((error as NodeJS.ErrnoException).code));
        response.end('c', (...args: unknown[]) => called.push((args[0] as NodeJS.ErrnoException).code));
      },
      protocol,
      (res) => {
        res.statusCode = 503;
        res.end();
      },
    );
    const request = send(port);
    await until(() => log.events.length > 0);
    gate.reject(new Error('store'));
    await request.closed;
    expect(called).toEqual(['ERR_STREAM_DESTROYED', 'ERR_STREAM_DESTROYED']);
  });

  test('a status set during the hold has no effect', async () => {
    const { gate, log, port, res } = await held((_req, response) => response.end('x'), protocol);
    const request = send(port);
    await until(() => log.events.length > 0);
    res().statusCode = 500;
    if (protocol === 'http') res().statusMessage = 'Changed';
    gate.resolve();
    const answer = await request.closed;
    if (typeof answer === 'string') expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    else expect(answer.headers[':status']).toBe(200);
    expect(res().statusCode).toBe(500);
  });

  test('an end in a call of its own gets a commit of its own, before anything is out', async () => {
    const commits: string[] = [];
    let release = (): void => {};
    const log = new Log((when) => {
      commits.push(when);
      return when === 'head' ? turns(3) : new Promise((done) => (release = done));
    });
    const port = await start(
      gated(
        (_req, res) => {
          res.write('a');
          res.end('b');
        },
        () => log,
      ),
      protocol,
    );
    const request = send(port);
    await until(() => commits.length === 2);
    await turns();
    if ('received' in request) expect(request.received()).toBe('');
    release();
    await request.closed;
    expect(log.events).toEqual(['head', 'end', 'done']);
  });

  test('a failure of that commit still reaches the error handler', async () => {
    let response: ServerResponse | undefined;
    const log = new Log(
      async (when) => {
        if (when === 'end') throw new Error('store');
      },
      () => {
        if (response) response.statusCode = 503;
        response?.end('sorry');
      },
    );
    const port = await start(
      gated(
        (_req, res) => {
          response = res;
          res.write('a');
          res.end('b');
        },
        () => log,
      ),
      protocol,
    );
    const answer = await send(port).closed;
    expect(JSON.stringify(answer)).toMatch(/503.*sorry/);
    expect(log.events).toEqual(['head', 'end', 'failed']);
  });

  test('once bytes are out, a failure before the end cuts the connection', async () => {
    const log = new Log((when) =>
      when === 'end' ? turns(2).then(() => Promise.reject(new Error('store'))) : undefined,
    );
    const port = await start(
      gated(
        async (_req, res) => {
          res.write('some');
          await turns();
          res.end('rest');
        },
        () => log,
      ),
      protocol,
    );
    const answer = await send(port).closed;
    if (typeof answer === 'string') {
      expect(answer).toContain('some');
      expect(answer).not.toContain('rest');
      expect(answer).not.toMatch(/\r\n0\r\n\r\n$/);
    } else {
      expect(answer.body).not.toContain('rest');
      expect([answer.ended, answer.rst !== 0]).toEqual([false, true]);
    }
    expect(log.events).toEqual(['head', 'end', 'cut']);
  });

  test('a body of known length is not completed before the commit of its end', async () => {
    const log = new Log((when) => (when === 'end' ? Promise.reject(new Error('store')) : undefined));
    const port = await start(
      gated(
        async (_req, res) => {
          res.writeHead(200, { 'Content-Length': 6 });
          res.write('abc');
          await turns();
          res.write('def');
        },
        () => log,
      ),
      protocol,
    );
    const answer = await send(port).closed;
    const text = typeof answer === 'string' ? answer : answer.body;
    expect(text).toContain('abc');
    expect(text).not.toContain('def');
    expect(log.events).toEqual(['head', 'end', 'cut']);
  });

  test('a client that leaves before the end is reported, once', async () => {
    const log = new Log();
    const port = await start(
      gated(
        (_req, res) => res.write('some'),
        () => log,
      ),
      protocol,
    );
    const request = send(port);
    await until(() => log.events.length > 0);
    if ('session' in request) request.session.destroy();
    else request.socket.destroy();
    await until(() => log.events.includes('aborted'));
    await turns();
    expect(log.events).toEqual(['head', 'aborted']);
  });

  test('a client that leaves during the commit of a whole response takes nothing back', async () => {
    const { gate, log, port } = await held((_req, response) => response.end('x'), protocol);
    const request = send(port);
    await until(() => log.events.length > 0);
    if ('session' in request) request.session.destroy();
    else request.socket.destroy();
    await turns();
    gate.resolve();
    await until(() => log.events.includes('done'));
    expect(log.events).toEqual(['head', 'done']);
  });

  test('a second end and a write after the end are Node’s to refuse', async () => {
    const codes: unknown[] = [];
    const { gate, log, port } = await held((_req, response) => {
      response.on('error', (error: NodeJS.ErrnoException) => codes.push(error.code));
      response.end('x');
      expect(response.write('y', (error) => codes.push((error as NodeJS.ErrnoException).code))).toBe(false);
      expect(response.end()).toBe(response);
    }, protocol);
    const request = send(port);
    await until(() => log.events.length > 0);
    gate.resolve();
    const answer = await request.closed;
    expect(typeof answer === 'string' ? answer : answer.body).toMatch(/x$/);
    await turns();
    expect(new Set(codes)).toEqual(new Set(['ERR_STREAM_WRITE_AFTER_END']));
  });

  test('a write after the end that nobody listens for harms neither the response nor the process', async () => {
    const uncaught: unknown[] = [];
    const note = (error: unknown): number => uncaught.push(error);
    process.on('uncaughtExceptionMonitor', note);
    const { gate, log, port, res } = await held((_req, response) => response.end('x'), protocol);
    const request = send(port);
    await until(() => log.events.length > 0);
    await turns(3);
    expect(res().write('late')).toBe(false);
    res().end('later');
    gate.resolve();
    const answer = await request.closed;
    await turns();
    process.off('uncaughtExceptionMonitor', note);
    expect(uncaught).toEqual([]);
    if (typeof answer === 'string') expect(answer).toMatch(/\r\n\r\nx$/);
    else expect(answer).toMatchObject({ body: 'x', ended: true, rst: 0 });
  });

  test('a chunk of a wrong type throws at once, and nothing is frozen', async () => {
    const codes: unknown[] = [];
    const log = new Log();
    const port = await start(
      gated(
        (_req, res) => {
          codes.push(
            codeOf(() => res.write(7 as never)),
            codeOf(() => res.write(null)),
            codeOf(() => res.end({} as never)),
          );
          codes.push(res.headersSent, log.events.length);
          res.end('fine');
        },
        () => log,
      ),
      protocol,
    );
    await send(port).closed;
    expect(codes).toEqual(['ERR_INVALID_ARG_TYPE', 'ERR_STREAM_NULL_VALUES', 'ERR_INVALID_ARG_TYPE', false, 0]);
  });
});

describe('after a commit has failed', () => {
  /** The commit fails; 10 turns later the error handler answers. */
  const slowly = (res: ServerResponse): void => {
    void turns(10).then(() => {
      res.statusCode = 503;
      res.end('sorry');
    });
  };

  test('headers, status and reason are as they were when the gate was installed', async () => {
    const port = await start((_req, res) => {
      res.setHeader('X-Early', ['1', '2']);
      res.setHeader('ETAG', 'a');
      res.statusCode = 299;
      installGate(
        res,
        new Log(
          () => turns(2).then(() => Promise.reject(new Error('store'))),
          () => {
            expect([res.statusCode, res.statusMessage, res.headersSent, res.writableEnded]).toEqual([
              299,
              undefined,
              false,
              false,
            ]);
            // Of every OutgoingMessage, but the types give it to requests alone.
            expect(Reflect.get(res, 'getRawHeaderNames').call(res)).toEqual(['X-Early', 'ETAG']);
            expect({ ...res.getHeaders() }).toEqual({ 'x-early': ['1', '2'], etag: 'a' });
            res.end('sorry');
          },
        ),
      );
      res.appendHeader('X-Early', '3');
      res.removeHeader('etag');
      res.setHeader('Set-Cookie', 'secret=1');
      res.writeHead(200, 'Great', { 'Content-Length': 2 });
      res.end('ok');
    });
    const answer = await rawRequest('http', port, get()).closed;
    expect(answer).toMatch(
      /^HTTP\/1\.1 299 unknown\r\nX-Early: 1\r\nX-Early: 2\r\nETAG: a\r\nDate: .*\r\nConnection: close\r\nContent-Length: 5\r\n\r\nsorry$/,
    );
  });

  test('what the old handler still writes is dropped, before and after the new answer', async () => {
    let over = false;
    const port = await start(
      gated(
        async (_req, res) => {
          for (let index = 0; index < 40; index += 1) {
            res.write('old');
            await turns(1);
          }
          res.end('old');
          over = true;
        },
        (res) =>
          new Log(
            () => Promise.reject(new Error('store')),
            () => slowly(res),
          ),
      ),
    );
    const answer = await rawRequest('http', port, get()).closed;
    await until(() => over);
    await turns();
    expect(answer).toMatch(/^HTTP\/1\.1 503 [\s\S]*\r\n\r\nsorry$/);
  });

  test.each(['pipe', 'pipeline'] as const)('a source that comes by %s no longer reaches the response', async (way) => {
    const source = new PassThrough();
    let outcome: unknown;
    const port = await start(
      gated(
        (_req, res) => {
          if (way === 'pipe') source.pipe(res);
          else pipeline(source, res).catch((error: unknown) => (outcome = error));
          source.write('old');
        },
        (res) =>
          new Log(
            () => Promise.reject(new Error('store')),
            () => slowly(res),
          ),
      ),
    );
    const request = rawRequest('http', port, get());
    await turns(3);
    source.write('older');
    const answer = await request.closed;
    expect(answer).toMatch(/^HTTP\/1\.1 503 [\s\S]*\r\n\r\nsorry$/);
    // pipeline cleans up its source by itself when the response closes; pipe leaves it to the app, as ever.
    if (way === 'pipeline') {
      await until(() => outcome !== undefined);
      expect(source.destroyed).toBe(true);
    }
  });

  test('a source that was piping stays off, even once the error handler has begun', async () => {
    const source = new PassThrough();
    let begun = false;
    const port = await start(
      gated(
        (_req, res) => {
          source.pipe(res);
          source.write('old');
        },
        (res) =>
          new Log(
            () => Promise.reject(new Error('store')),
            () => {
              begun = true;
              res.statusCode = 503;
              void turns(10).then(() => res.end('sorry'));
            },
          ),
      ),
    );
    const request = rawRequest('http', port, get());
    await until(() => begun);
    source.end('older');
    expect(await request.closed).toMatch(/^HTTP\/1\.1 503 [\s\S]*\r\n\r\nsorry$/);
  });

  test('a head that Node refuses only when it makes it, after the commit, is an error like any other', async () => {
    const errors: unknown[] = [];
    const port = await start((_req, res) => {
      const log = new Log(async () => {});
      log.failed = (error) => {
        errors.push((error as NodeJS.ErrnoException).code);
        res.statusCode = 500;
        res.end('sorry');
      };
      installGate(res, log);
      res.setHeader('Trailer', 'X-Sum');
      res.setHeader('Content-Length', 3);
      res.end('old');
    });
    expect(await rawRequest('http', port, get()).closed).toMatch(/^HTTP\/1\.1 500 [\s\S]*\r\n\r\nsorry$/);
    expect(errors).toEqual(['ERR_HTTP_TRAILER_INVALID']);
  });

  test('an error handler may answer in the very call without a status or header', async () => {
    const port = await start(
      gated(
        (_req, res) => res.end('old'),
        (res) =>
          new Log(
            () => Promise.reject(new Error('store')),
            () => res.end('bare'),
          ),
      ),
    );
    expect(await rawRequest('http', port, get()).closed).toMatch(/\r\n\r\nbare$/);
  });
});

describe('connections', () => {
  test('pipelined requests on one socket are answered whole and in order', async () => {
    const port = await start(
      gated(
        (req, res) => {
          res.write(`${req.url} `);
          res.end('done;');
        },
        () => new Log((when) => turns(when === 'head' ? 6 : 2)),
      ),
    );
    const bytes = ['/1', '/2', '/3'].map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`).join('');
    const request = rawRequest('http', port, `${bytes}${get('/4')}`);
    const answer = await request.closed;
    expect([...answer.matchAll(/\/\d /g)].map(String)).toEqual(['/1 ', '/2 ', '/3 ', '/4 ']);
    expect(answer.match(/^HTTP\/1\.1 200 OK/gm)).toHaveLength(4);
  });

  test('a connection is kept alive through held and failed responses', async () => {
    let count = 0;
    const port = await start(
      gated(
        (_req, res) => res.end('ok'),
        (res) => {
          count += 1;
          const failing = count === 2;
          return new Log(
            () => turns(2).then(() => (failing ? Promise.reject(new Error('store')) : undefined)),
            () => {
              res.statusCode = 503;
              res.end('no');
            },
          );
        },
      ),
    );
    const request = rawRequest('http', port, '');
    const statuses: string[] = [];
    for (let turn = 0; turn < 3; turn += 1) {
      request.socket.write(`GET /${turn} HTTP/1.1\r\nHost: a\r\n\r\n`);
      await until(
        () => (request.received().match(/HTTP\/1\.1/g) ?? []).length > turn && /(ok|no)$/.test(request.received()),
      );
      statuses.push(request.received().slice(-2));
    }
    request.socket.destroy();
    expect(statuses).toEqual(['ok', 'no', 'ok']);
  });

  test('a destroy after the end waits for the commit, so that the client gets what it would have got', async () => {
    const ways: Handler[] = [(req) => req.socket.destroy(), (_req, res) => res.destroy()];
    for (const [protocol, destroy] of (['http', 'https'] as const).flatMap((name) =>
      ways.map((way) => [name, way] as const),
    )) {
      const handler: Handler = (req, res) => {
        res.end('the whole answer');
        destroy(req, res);
      };
      const bare = await rawRequest(protocol, await start(handler, protocol), get()).closed;
      const { gate, log, port } = await held(handler, protocol);
      const request = rawRequest(protocol, port, get());
      await until(() => log.events.length > 0);
      await turns();
      gate.resolve();
      const answer = await request.closed;
      expect(answer.includes('the whole answer')).toBe(bare.includes('the whole answer'));
      if (protocol === 'http') expect(answer).toContain('the whole answer');
    }
  });

  test('a destroy before the end does not wait', async () => {
    const { log, port } = await held((req, res) => {
      res.write('x');
      setImmediate(() => req.socket.destroy());
    });
    expect(await rawRequest('http', port, get()).closed).toBe('');
    expect(log.events).toEqual(['head', 'aborted']);
  });

  test('a server that closes its idle connections leaves a held response alone', async () => {
    const { gate, log, port } = await held((_req, res) => res.end('the whole answer'));
    const request = rawRequest('http', port, get());
    await until(() => log.events.length > 0);
    running.at(-1)?.server.closeIdleConnections();
    await turns();
    gate.resolve();
    expect(await request.closed).toContain('the whole answer');
  });

  test('a body that ends with its connection is reset when cut, not ended', async () => {
    const log = new Log((when) => (when === 'end' ? Promise.reject(new Error('store')) : undefined));
    const port = await start(
      gated(
        async (_req, res) => {
          res.write('some');
          await turns();
          res.end();
        },
        () => log,
      ),
    );
    const answer = await rawRequest('http', port, 'GET / HTTP/1.0\r\n\r\n').closed;
    expect(answer).toMatch(/<ECONNRESET>$/);
  });
});

describe('wrappers', () => {
  test('a wrapper of writeHead that came later is asked before the commit, once', async () => {
    const seen: unknown[] = [];
    for (const commit of [() => undefined, () => turns(2)]) {
      const port = await start((_req, res) => {
        installGate(res, {
          beforeHead(head) {
            seen.push(head.getHeader('x-timed'));
            return commit();
          },
          beforeEnd: () => undefined,
          failed() {},
          cut() {},
          aborted() {},
          done() {},
        });
        const { writeHead } = res;
        res.writeHead = function (this: ServerResponse, ...args: unknown[]) {
          this.appendHeader('X-Timed', 'yes');
          return Reflect.apply(writeHead, this, args);
        } as typeof writeHead;
        res.end('x');
      });
      const answer = await rawRequest('http', port, get()).closed;
      expect(answer.match(/X-Timed: yes/g)).toHaveLength(1);
      // A body that comes with the end keeps its length.
      expect(answer).toContain('Content-Length: 1');
    }
    expect(seen).toEqual(['yes', 'yes']);
  });

  test('a wrapper of end that was there before is called after the commit', async () => {
    const order: string[] = [];
    const port = await start((_req, res) => {
      const { end } = res;
      res.end = function (this: ServerResponse, ...args: unknown[]) {
        order.push('inner end');
        return Reflect.apply(end, this, args);
      } as typeof end;
      installGate(res, new Log(() => turns(2).then(() => void order.push('commit'))));
      res.end('x');
    });
    await rawRequest('http', port, get()).closed;
    expect(order).toEqual(['commit', 'inner end']);
  });

  test('a writer that was told to wait is told to go on, even where what lies beneath never made it wait', async () => {
    const port = await start((_req, res) => {
      const { end } = res;
      const kept: unknown[] = [];
      // As wrappers do that keep the whole body to themselves.
      res.write = ((chunk: unknown) => kept.push(chunk) > 0) as typeof res.write;
      res.end = function (this: ServerResponse) {
        return Reflect.apply(end, this, [kept.join('')]);
      } as typeof end;
      installGate(res, new Log(() => turns(2)));
      expect(res.write('x'.repeat(res.writableHighWaterMark))).toBe(false);
      res.once('drain', () => res.end());
    });
    expect(await rawRequest('http', port, get()).closed).toMatch(/x{16384}$/);
  });

  test('a second gate on one response is refused', async () => {
    const codes: unknown[] = [];
    const port = await start((_req, res) => {
      installGate(res, new Log());
      codes.push(codeOf(() => installGate(res, new Log())));
      res.end();
    });
    await rawRequest('http', port, get()).closed;
    expect(codes).toEqual(['ERR_SESSION_ARGUMENT']);
  });

  test('a source that is slower than the commit still arrives whole', async () => {
    const port = await start(
      gated(
        (_req, res) =>
          Readable.from(
            (async function* () {
              for (let index = 0; index < 5; index += 1) {
                await turns(3);
                yield `${index}`;
              }
            })(),
          ).pipe(res),
        () => new Log(() => turns(2)),
      ),
    );
    expect(await rawRequest('http', port, get()).closed).toMatch(/\r\n0\r\n[\s\S]*\r\n4\r\n0\r\n\r\n$/);
  });
});
