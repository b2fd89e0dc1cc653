/** The small app that every configuration runs under: the same handlers, the same Express, the same defaults. */
import express, { type Express, type RequestHandler } from 'express';
import type { Configuration, Installed, Setting } from './configurations/configuration.js';
import { dataOf, type Shape } from './sessions.js';

/** What the handlers saw. The harness compares it with what the load generator says that it sent. */
export interface Seen {
  handled: number;
  /** Requests that found the data of a session. */
  hits: number;
}

export async function benchApp(
  configuration: Configuration,
  setting: Setting,
): Promise<{ app: Express; seen: Seen; installed: Installed }> {
  const app = express();
  const seen: Seen = { handled: 0, hits: 0 };
  const installed = await configuration.install(app, setting);
  const { save } = installed;

  /** Awaits only what is a promise: a microtask that one configuration doesn't need must not be charged to it. */
  const withSession =
    (handler: (session: Partial<Shape>) => unknown): RequestHandler =>
    (req, res, next) => {
      seen.handled++;
      const session = installed.of(req, res);
      if (session instanceof Promise) session.then((late) => res.json({ value: handler(late) })).catch(next);
      else res.json({ value: handler(session) });
    };

  app.get(
    '/read',
    withSession((session) => {
      const plan = session.profile?.plan;
      if (plan !== undefined) seen.hits++;
      return plan ?? null;
    }),
  );

  app.get('/public', (_, res) => {
    seen.handled++;
    res.json({ value: null });
  });

  const count = (session: Partial<Shape>): number => {
    if (session.counter !== undefined) seen.hits++;
    const counter = (session.counter ?? 0) + 1;
    session.counter = counter;
    return counter;
  };

  if (save === undefined) {
    app.post('/write', withSession(count));
  } else {
    app.post('/write', async (req, res) => {
      seen.handled++;
      const session = await installed.of(req, res);
      const value = count(session);
      await save(session);
      res.json({ value });
    });
  }

  app.post('/begin/:n', async (req, res) => {
    const n = Number(req.params.n);
    await installed.begin(req, res, `person-${n}`, dataOf(n));
    res.json({ value: n });
  });

  return { app, seen, installed };
}
