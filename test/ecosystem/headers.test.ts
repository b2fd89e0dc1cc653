import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { fileURLToPath } from 'node:url';
import { createGunzip, gunzipSync } from 'node:zlib';
import compression from 'compression';
import type { Express, Request } from 'express';
import { ipKeyGenerator, rateLimit } from 'express-rate-limit';
import helmet from 'helmet';
import multer from 'multer';
import { describe, expect, it } from 'vitest';
import { memoryStore, sessionOf } from '../../src/index.js';
import { faultyStore } from '../../src/stores/conformance/faulty.js';
import type { Client } from '../support/client.js';
import { expressVersions } from '../support/express-versions.js';
import { dataOf, type StackApp, stacks, underSession } from './stacks.js';

const file = fileURLToPath(new URL('../../package.json', import.meta.url));

/** What a browser keeps of a Set-Cookie line. */
function keep({ jar }: Client, line: string | undefined): void {
  const [, name, value] = /^([^=]+)=([^;]*)/.exec(line ?? '') ?? [];
  if (name !== undefined) jar.set(name, value ?? '');
}

describe('helmet', () => {
  const routes = (app: Express) => {
    app.post('/put', (req, res) => {
      dataOf(req).kept = true;
      res.json({});
    });
    app.post('/login', async (req, res) => {
      await sessionOf(req).signIn('ada');
      res.json({});
    });
    app.get('/me', (req, res) => void res.json({ owner: sessionOf(req).info.owner }));
  };

  it('its headers and ours stand side by side', async () => {
    const client = (await underSession.start(routes, { before: (app) => void app.use(helmet()) })).client();
    const { headers, setCookies } = await client.post('/login');
    expect(setCookies).toHaveLength(1);
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' });
    expect(headers['content-security-policy']).toContain("default-src 'self'");
    expect((await client.get('/me')).headers).toMatchObject({
      'cache-control': 'no-store',
      'x-frame-options': 'SAMEORIGIN',
    });
  });

  it('mounted before session(), it protects the page of an error whose response was taken back too', async () => {
    const faulty = faultyStore(memoryStore());
    const app = await underSession.start(routes, {
      before: (made) => void made.use(helmet()),
      session: { store: faulty.store },
    });
    faulty.on('create', 'reject', { times: 1 });
    const { status, headers, setCookies } = await app.client().post('/put');
    expect([status, setCookies]).toEqual([503, []]);
    expect(headers['content-security-policy']).toContain("default-src 'self'");
  });
});

describe.each(stacks.map((stack) => [stack.name, stack] as const))('compression under %s', (_, stack) => {
  const big = 'all work and no play '.repeat(5_000);
  const routes = (app: Express) => {
    app.post('/page', (req, res) => {
      dataOf(req).views = (dataOf(req).views ?? 0) + 1;
      res.type('text').send(big);
    });
    app.post('/file', (req, res) => {
      dataOf(req).views = (dataOf(req).views ?? 0) + 1;
      res.sendFile(file);
    });
    app.post('/stream', (req, res) => {
      dataOf(req).views = (dataOf(req).views ?? 0) + 1;
      res.type('text');
      createReadStream(file).pipe(res);
    });
    app.get('/views', (req, res) => void res.json(dataOf(req).views));
  };

  it.each(['before', 'after'])(
    'mounted %s the sessions: pages, files and streams arrive whole, and what they stored is stored',
    async (place) => {
      const use = (app: Express) => void app.use(compression({ threshold: 0 }));
      const app = await stack.start(
        (made) => {
          if (place === 'after') use(made);
          routes(made);
        },
        {
          ...(place === 'before' ? { before: use } : {}),
        },
      );
      const client = app.client();
      let views = 0;
      for (const [path, length] of [
        ['/page', big.length],
        ['/file', 0],
        ['/stream', 0],
      ] as const) {
        const { body, headers } = await raw(app, path, client.cookie);
        keep(client, headers['set-cookie']?.[0]);
        expect(headers['content-encoding']).toBe('gzip');
        const text = gunzipSync(body).toString();
        if (length > 0) expect(text).toBe(big);
        else expect(text).toContain('"name": "holdfast"');
        expect((await client.get('/views')).json()).toBe(++views);
      }
    },
  );
});

function raw(
  app: StackApp,
  path: string,
  cookie: string,
): Promise<{ body: Buffer; headers: IncomingMessage['headers'] }> {
  return fetchRaw(app.port, path, { 'accept-encoding': 'gzip', ...(cookie === '' ? {} : { cookie }) });
}

async function fetchRaw(port: number, path: string, headers: Record<string, string>) {
  const { request } = await import('node:http');
  const sent = request({ host: '127.0.0.1', port, path, method: 'POST', headers }).end();
  const [res] = (await once(sent, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of res) chunks.push(chunk as Buffer);
  return { body: Buffer.concat(chunks), headers: res.headers };
}

describe('compression under session()', () => {
  it('a failed save is one readable error, not half a gzip', async () => {
    for (const place of ['before', 'after']) {
      const faulty = faultyStore(memoryStore());
      const use = (app: Express) => void app.use(compression({ threshold: 0 }));
      const app = await underSession.start(
        (made) => {
          if (place === 'after') use(made);
          made.post('/page', (req, res) => {
            dataOf(req).views = 1;
            res.type('text').send('all work and no play '.repeat(5_000));
          });
        },
        { session: { store: faulty.store }, ...(place === 'before' ? { before: use } : {}) },
      );
      faulty.on('create', 'reject', { times: 1 });
      const { body, headers } = await raw(app, '/page', '');
      const text = headers['content-encoding'] === 'gzip' ? gunzipSync(body).toString() : body.toString();
      expect(JSON.parse(text), place).toEqual({ code: 'ERR_SESSION_STORE_UNAVAILABLE' });
    }
  });

  it('server-sent events arrive one by one with res.flush(), and end with the session', async () => {
    const app = await underSession.start((made) => {
      made.use(compression({ threshold: 0 }));
      made.post('/login', async (req, res) => {
        await sessionOf(req).signIn('ada');
        res.json({});
      });
      made.post('/logout', async (req, res) => {
        await sessionOf(req).signOut();
        res.json({});
      });
      made.get('/events', (req, res) => {
        const { signal, owner } = sessionOf(req).info;
        res.writeHead(200, { 'Content-Type': 'text/event-stream' });
        res.write(`data: hello ${owner}\n\n`);
        res.flush();
        signal.addEventListener('abort', () => res.end('event: session-over\n\n'));
      });
    });
    const client = app.client();
    await client.post('/login');
    const [res] = (await once(
      get({
        host: '127.0.0.1',
        port: app.port,
        path: '/events',
        headers: { cookie: client.cookie, 'accept-encoding': 'gzip' },
      }),
      'response',
    )) as [IncomingMessage];
    expect(res.headers['content-encoding']).toBe('gzip');
    const events = res.pipe(createGunzip()).setEncoding('utf8');
    expect(String((await once(events, 'data'))[0])).toBe('data: hello ada\n\n');
    const [last] = await Promise.all([once(events, 'data'), client.post('/logout')]);
    expect(String(last[0])).toBe('event: session-over\n\n');
    await once(events.resume(), 'end');
  });
});

describe('express-rate-limit under session()', () => {
  const start = (keyGenerator: (req: Request) => string) =>
    underSession.start((app) => {
      app.post('/login', async (req, res) => {
        await sessionOf(req).signIn('ada');
        res.json({});
      });
      app.use(rateLimit({ windowMs: 60_000, limit: 2, keyGenerator, legacyHeaders: false }));
      app.get('/work', (_req, res) => void res.json({}));
    });

  it('by owner, else by address: a person is limited over all devices, a stranger by where they come from', async () => {
    const app = await start((req) => sessionOf(req).info.owner ?? ipKeyGenerator(req.ip ?? ''));
    const [laptop, phone, stranger, other] = [app.client(), app.client(), app.client(), app.client()];
    for (const device of [laptop, phone]) await device.post('/login');
    const statuses = [];
    for (const client of [laptop, phone, laptop, stranger, other, stranger])
      statuses.push((await client.get('/work')).status);
    expect(statuses).toEqual([200, 200, 429, 200, 200, 429]);
  });

  it('by req.session.id alone it limits people by device, and strangers not at all: nothing is stored for them', async () => {
    const app = await start((req) => sessionOf(req).id);
    const [ada, stranger] = [app.client(), app.client()];
    await ada.post('/login');
    const statuses = [];
    for (const client of [ada, ada, ada, stranger, stranger, stranger])
      statuses.push((await client.get('/work')).status);
    expect(statuses).toEqual([200, 200, 429, 200, 200, 200]);
  });
});

describe.each(expressVersions)('multer on %s', (_, makeApp) => {
  it('an upload and what its handler puts into the session are both kept, also with several at once', async () => {
    const app = await underSession.start(
      (made) => {
        const upload = multer({ storage: multer.memoryStorage() });
        made.post('/upload', upload.single('file'), async (req, res, next) => {
          const { size = 0, originalname = '' } = req.file ?? {};
          sessionOf(req)
            .update<{ files?: Record<string, number> }>((data) => {
              data.files = { ...data.files, [originalname]: size };
            })
            .then(() => res.json({}), next);
        });
        made.get('/files', (req, res) => void res.json(dataOf(req).files));
      },
      { makeApp },
    );
    const client = app.client();
    const upload = async (name: string, size: number) => {
      const form = new FormData();
      form.append('file', new Blob(['x'.repeat(size)]), name);
      const headers: Record<string, string> = client.cookie === '' ? {} : { cookie: client.cookie };
      const answer = await fetch(`${app.origin}/upload`, { method: 'POST', body: form, headers });
      expect(answer.status).toBe(200);
      return answer.headers.getSetCookie();
    };
    const [cookie = ''] = await upload('first', 100_000);
    keep(client, cookie);
    await Promise.all([upload('second', 200_000), upload('third', 300_000)]);
    expect((await client.get('/files')).json()).toEqual({ first: 100_000, second: 200_000, third: 300_000 });
  });
});
