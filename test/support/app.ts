import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type Express, type Request } from 'express';
import { type SessionEvent, type SessionOptions, type Sessions, session, sessionOf } from '../../src/index.js';
import { Client } from './client.js';

/** Passes the check of secrets, and shows in no output unless something leaks. */
export const testSecret = 'fr0m-a-t3st-0nly-Zq8wV2nL5xK7pY3mB9dT';

// biome-ignore lint/suspicious/noExplicitAny: handlers of tests put anything into sessions
export type AnySession = ReturnType<typeof sessionOf> & Record<string, any>;

/** `req.session` for handlers of tests, which put anything in. */
export const sessionIn = (req: Request): AnySession => sessionOf(req) as AnySession;

export interface TestApp {
  readonly origin: string;
  readonly port: number;
  readonly app: Express;
  readonly server: Server;
  readonly sessions: Sessions;
  readonly events: SessionEvent[];
  readonly lines: string[];
  client(): Client;
  /** The name under which this app's cookie travels. */
  readonly cookieName: string;
  close(): Promise<void>;
}

/** For a run of the guarantees over a store that pushes: `HOLDFAST_TEST_CACHE=on` leaves the cache to the default. */
const cache = process.env.HOLDFAST_TEST_CACHE === 'on' ? undefined : false;

/**
 * A real Express app on a free port of loopback. The store stays the caller's. Without the cache, so that store calls can
 * be planned and counted; test/cache/ is where it is on.
 */
export async function startApp(
  routes: (app: Express, sessions: Sessions) => void,
  options: SessionOptions = {},
  makeApp: () => Express = express,
): Promise<TestApp> {
  const events: SessionEvent[] = [];
  const lines: string[] = [];
  // By the machine's clock, a process that stands still for the store's usual 2 s would see it fail. A clock of the test waits.
  const deadline = options.clock === undefined ? ({ storeDeadline: '60s' } as const) : {};
  const sessions = session({ secret: testSecret, log: (line) => lines.push(line), cache, ...deadline, ...options });
  sessions.on((event) => events.push(event));
  const app = makeApp();
  app.use(sessions);
  routes(app, sessions);
  // Errors are answered as JSON, so that tests can read the code.
  app.use(
    (
      error: Error & { status?: number; code?: string },
      _req: Request,
      res: express.Response,
      next: express.NextFunction,
    ) => {
      if (res.headersSent) return next(error);
      res.status(error.status ?? 500).json({ code: error.code ?? 'error', message: error.message });
    },
  );
  const server = createServer(app);
  // On a busy machine a test may leave a connection alone for longer than the usual 5 s, and meet its end on the next use.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const origin = `http://127.0.0.1:${port}`;
  const clients: Client[] = [];
  return {
    origin,
    port,
    app,
    server,
    sessions,
    events,
    lines,
    // A child process has the NODE_ENV that its test gives it.
    cookieName: process.env.NODE_ENV === 'test' ? 'sid-test' : `sid-${port}`,
    client() {
      const client = new Client(origin);
      clients.push(client);
      return client;
    },
    async close() {
      for (const client of clients) client.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
