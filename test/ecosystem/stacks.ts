/**
 * The two ways in which an app has sessions: `session()`, and express-session with `HoldfastStore`. What a package has to
 * hold on both is said once, in requests.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type Express, type NextFunction, type Request, type RequestHandler, type Response } from 'express';
import expressSession, { type SessionOptions as ExpressSessionOptions } from 'express-session';
import { onTestFinished } from 'vitest';
import { HoldfastStore, type HoldfastStoreOptions } from '../../src/express-session/index.js';
import { memoryStore, type SessionOptions, type Sessions, session } from '../../src/index.js';
import { testSecret } from '../support/app.js';
import { Client } from '../support/client.js';

// biome-ignore lint/suspicious/noExplicitAny: handlers of tests put anything into sessions
export type Loose = Record<string, any>;

/** `req.session` of either, without a type. */
export const dataOf = (req: unknown): Loose => (req as { session: Loose }).session;

export interface StackApp {
  readonly origin: string;
  readonly port: number;
  /** Under `session()`. */
  readonly sessions: Sessions | undefined;
  /** Under express-session. */
  readonly store: HoldfastStore | undefined;
  /** What came to the error handler. */
  readonly errors: (Error & { code?: string })[];
  client(): Client;
}

export interface StackOptions {
  readonly session?: SessionOptions;
  readonly expressSession?: Partial<ExpressSessionOptions>;
  readonly store?: Partial<HoldfastStoreOptions>;
  /** Middleware that comes before the sessions. */
  readonly before?: (app: Express) => void;
  readonly makeApp?: () => Express;
}

export interface Stack {
  readonly name: 'session()' | 'express-session with HoldfastStore';
  /** The middleware alone, for tests that mount it themselves. */
  middleware(): RequestHandler;
  start(routes: (app: Express) => void, options?: StackOptions): Promise<StackApp>;
}

function oursOf(options: StackOptions): Sessions {
  const sessions = session({ secret: testSecret, store: memoryStore(), log: () => {}, ...options.session });
  onTestFinished(() => sessions.close());
  return sessions;
}

const ours: Stack = {
  name: 'session()',
  middleware: () => oursOf({}) as RequestHandler,
  async start(routes, options = {}) {
    const sessions = oursOf(options);
    return { ...(await listen(sessions, routes, options)), sessions, store: undefined };
  },
};

function theirsOf(options: StackOptions) {
  const store = new HoldfastStore({ store: memoryStore(), secret: testSecret, ...options.store });
  onTestFinished(() => store.close());
  const sessions = expressSession({
    secret: 'the one that signs cookies',
    resave: false,
    saveUninitialized: false,
    ...options.expressSession,
    store,
  });
  return { sessions, store };
}

const theirs: Stack = {
  name: 'express-session with HoldfastStore',
  middleware: () => theirsOf({}).sessions,
  async start(routes, options = {}) {
    const { sessions, store } = theirsOf(options);
    return { ...(await listen(sessions, routes, options)), sessions: undefined, store };
  },
};

export const stacks: readonly Stack[] = [ours, theirs];
export const [underSession, underExpressSession] = [ours, theirs];

/** An app that mounts its sessions itself. */
export const startWithout = (routes: (app: Express) => void, options: StackOptions = {}) =>
  listen(undefined, routes, options);

async function listen(
  sessions: ((req: never, res: never, next: never) => void) | undefined,
  routes: (app: Express) => void,
  { before, makeApp = express }: StackOptions,
): Promise<Omit<StackApp, 'sessions' | 'store'>> {
  const errors: (Error & { code?: string })[] = [];
  const app = makeApp();
  before?.(app);
  if (sessions) app.use(sessions as RequestHandler);
  routes(app);
  app.use(
    (error: Error & { status?: number; code?: string }, _req: Request, res: Response, next: NextFunction): void => {
      errors.push(error);
      if (res.headersSent) next(error);
      // A status that a package has set by hand (lusca) is its answer.
      else
        res
          .status(error.status ?? (res.statusCode >= 400 ? res.statusCode : 500))
          .json({ code: error.code ?? error.message });
    },
  );
  const server = createServer(app);
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const origin = `http://127.0.0.1:${port}`;
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return {
    origin,
    port,
    errors,
    client() {
      const client = new Client(origin);
      onTestFinished(() => client.close());
      return client;
    },
  };
}
