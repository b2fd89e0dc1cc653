/** A real Express app on express-session, over any store: what tests and `npm run bench:hazards` have to say, they say in requests. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import session, { type Session, type SessionOptions, type Store } from 'express-session';
import type { Clock } from '../../src/core/clock.js';
import { HoldfastStore, type HoldfastStoreOptions } from '../../src/express-session/index.js';
import type { SessionEvent } from '../../src/index.js';
import { testSecret } from './app.js';
import { Client } from './client.js';
import { FakeClock } from './fake-clock.js';
import type { FullStore } from './stores.js';
import { Turnstile } from './turnstile.js';

// biome-ignore lint/suspicious/noExplicitAny: handlers of tests put anything into sessions
export type AnySession = Session & Record<string, any>;
export const sessionIn = (req: Request): AnySession => req.session as unknown as AnySession;

/** A verb with a callback, as a promise. */
export const done = (verb: (callback: (error?: unknown) => void) => unknown): Promise<void> =>
  new Promise((resolve, reject) => void verb((error) => (error ? reject(error) : resolve())));

export interface ExpressSessionApp {
  readonly origin: string;
  readonly store: Store;
  /** Holds the handlers of `/slow/...` until the test lets them go on. */
  readonly turnstile: Turnstile;
  /** What express-session passed to `next`: after the response where a save failed. */
  readonly errors: Error[];
  client(): Client;
  close(): Promise<void>;
}

export async function startExpressSession(
  store: Store,
  options: Partial<SessionOptions> = {},
  routes: (app: Express) => void = () => undefined,
): Promise<ExpressSessionApp> {
  const turnstile = new Turnstile();
  const errors: Error[] = [];
  const app = express();
  app.use(
    session({ secret: 'the one that signs cookies', resave: false, saveUninitialized: false, ...options, store }),
  );
  app.use(express.json());
  app.get('/me', (req, res) => res.json(req.session));
  app.get('/public', (_req, res) => res.json({}));
  app.post('/put', (req, res) => res.json(Object.keys(Object.assign(req.session, req.body))));
  app.post('/sign-in/:who', async (req, res) => {
    await done((callback) => req.session.regenerate(callback));
    sessionIn(req).userId = req.params.who;
    res.json({});
  });
  app.post('/sign-out', async (req, res) => {
    await done((callback) => req.session.destroy(callback));
    res.json({});
  });
  app.post('/regenerate', async (req, res) => {
    await done((callback) => req.session.regenerate(callback));
    sessionIn(req).fresh = true;
    res.json({});
  });
  app.post('/slow/put', async (req, res) => {
    await turnstile.pass();
    Object.assign(req.session, req.body);
    res.json({});
  });
  app.all('/slow/read', async (req, res) => {
    await turnstile.pass();
    res.json({ userId: sessionIn(req).userId });
  });
  app.post('/slow/save', async (req, res) => {
    await turnstile.pass();
    Object.assign(req.session, req.body);
    await done((callback) => req.session.save(callback));
    res.json({});
  });
  routes(app);
  app.use((error: Error & { status?: number; code?: string }, _: Request, res: Response, __: NextFunction) => {
    errors.push(error);
    if (!res.headersSent) res.status(error.status ?? 500).json({ code: error.code ?? error.name });
  });
  const server: Server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const clients: Client[] = [];
  return {
    origin,
    store,
    turnstile,
    errors,
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

/** No deadline passes unless a test moves it, however slow the machine; the wall clock is express-session's, which knows no other. */
export class HeldClock implements Clock {
  readonly #held = new FakeClock();
  aheadMs = 0;
  now = (): number => Date.now() + this.aheadMs;
  monotonic = (): number => this.#held.monotonic();
  after = (delayMs: number, run: () => void): (() => void) => this.#held.after(delayMs, run);
  advance(ms: number): void {
    this.aheadMs += ms;
    this.#held.advance(ms);
  }
}

export interface Held {
  readonly store: HoldfastStore;
  readonly clock: HeldClock;
  readonly events: SessionEvent[];
}

export function holdfastStore(store: FullStore, options: Partial<HoldfastStoreOptions> = {}): Held {
  const clock = new HeldClock();
  const events: SessionEvent[] = [];
  const made = new HoldfastStore({
    secret: testSecret,
    onEvent: (event) => void events.push(event),
    clock,
    ...options,
    store,
  });
  return { store: made, clock, events };
}
