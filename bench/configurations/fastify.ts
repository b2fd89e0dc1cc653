/** @fastify/session on Fastify, as its README recommends it, compared with bare Fastify: the same handlers, another framework. */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, RequestListener } from 'node:http';
import { RedisStore } from 'connect-redis';
import { countUp, dataOf, planIn, type Seen, type Shape } from '../sessions.js';
import type { Configuration, Setting, StoreGauge } from './configuration.js';
import { onRedis } from './on-redis.js';
import { peer } from './peer.js';

interface Request {
  readonly raw: IncomingMessage;
  readonly params: { readonly n: string };
  readonly session: Partial<Shape>;
}

interface Reply {
  header(name: string, value: string): unknown;
}

type Handler = (request: Request, reply: Reply) => unknown;

interface Fastify {
  readonly routing: RequestListener;
  register(plugin: unknown, options?: object): unknown;
  get(path: string, handler: Handler): unknown;
  post(path: string, handler: Handler): unknown;
  ready(): Promise<unknown>;
  close(): Promise<void>;
}

interface Installed {
  readonly store?: StoreGauge;
  of(request: Request): Partial<Shape>;
  begin(request: Request, reply: Reply, data: Shape): void;
  close(): Promise<void>;
}

function onFastify(install: (app: Fastify, setting: Setting) => Promise<Installed>): Configuration['open'] {
  return async (setting, seen: Seen) => {
    const { fastify } = await peer<{ fastify(): Fastify }>('fastify');
    const app = fastify();
    const installed = await install(app, setting);
    const handle =
      (handler: (session: Partial<Shape>, seen: Seen) => unknown): Handler =>
      async (request) => {
        seen.handled++;
        return { value: handler(installed.of(request), seen) };
      };
    app.get('/read', handle(planIn));
    app.post('/write', handle(countUp));
    app.get('/public', async () => {
      seen.handled++;
      return { value: null };
    });
    app.post('/begin/:n', async (request, reply) => {
      const n = Number(request.params.n);
      installed.begin(request, reply, dataOf(n, setting.recordBytes));
      return { value: n };
    });
    await app.ready();
    const close = async () => {
      await app.close();
      await installed.close();
    };
    return { listener: app.routing, store: installed.store ?? {}, close };
  };
}

const nothing = {};

export const fastifyNone: Configuration = {
  name: 'fastify-none',
  title: 'Fastify, no session',
  packages: ['fastify'],
  sessionless: true,
  open: onFastify(async (_, { recordBytes }) => {
    const constant = dataOf(0, recordBytes);
    return {
      begin: (_, reply) =>
        void reply.header('Set-Cookie', `sid=${randomBytes(69).toString('base64url')}; Path=/; HttpOnly`),
      of: (request) => (request.raw.headers.cookie === undefined ? nothing : constant),
      close: async () => {},
    };
  }),
};

export const fastifySession: Configuration = {
  name: 'fastify-session-redis',
  title: '@fastify/session + connect-redis, to Fastify without',
  packages: ['fastify', '@fastify/session', 'connect-redis', 'redis'],
  base: 'fastify-none',
  open: onFastify(async (app) => {
    const cookie = await peer<{ default: unknown }>('@fastify/cookie');
    const session = await peer<{ default: unknown }>('@fastify/session');
    const { made, store, close } = await onRedis((client) => new RedisStore({ client }));
    app.register(cookie.default);
    app.register(session.default, {
      secret: randomBytes(32).toString('base64url'),
      store: made,
      saveUninitialized: false,
      rolling: false,
      cookie: { secure: false },
    });
    return {
      store,
      of: (request) => request.session,
      begin: (request, _, data) => void Object.assign(request.session, data),
      close,
    };
  }),
};
