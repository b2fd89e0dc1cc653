/** The small app that every configuration runs under: the same handlers, the same Express, the same defaults. */
import express, { type RequestHandler } from 'express';
import type { Configuration, Install } from './configurations/configuration.js';
import { countUp, dataOf, planIn, type Seen, type Shape } from './sessions.js';

export function onExpress(install: Install): Configuration['open'] {
  return async (setting, seen: Seen) => {
    const app = express();
    const installed = await install(app, setting);
    const { save } = installed;

    /** Awaits only what is a promise: a microtask that one configuration doesn't need must not be charged to it. */
    const withSession =
      (handler: (session: Partial<Shape>, seen: Seen) => unknown): RequestHandler =>
      (req, res, next) => {
        seen.handled++;
        const session = installed.of(req, res);
        if (session instanceof Promise) {
          session.then((late) => res.json({ value: handler(late, seen) })).catch(next);
        } else {
          res.json({ value: handler(session, seen) });
        }
      };

    app.get('/read', withSession(planIn));

    app.get('/public', (_, res) => {
      seen.handled++;
      res.json({ value: null });
    });

    if (save === undefined) {
      app.post('/write', withSession(countUp));
    } else {
      app.post('/write', async (req, res) => {
        seen.handled++;
        const session = await installed.of(req, res);
        const value = countUp(session, seen);
        await save(session, req, res);
        res.json({ value });
      });
    }

    app.post('/begin/:n', async (req, res) => {
      const n = Number(req.params.n);
      await installed.begin(req, res, `person-${n}`, dataOf(n, setting.recordBytes));
      res.json({ value: n });
    });

    return { listener: app, store: installed.store ?? {}, close: () => installed.close() };
  };
}
