/** Apps within the app: one that is mounted at a path, and one that is called as a function. */
import express, { type Express, type RequestHandler, type Response } from 'express';
import { type Loose, on } from './app.js';

type Answer = (req: Loose, res: Response, more?: object) => unknown;

export function mountWithin(app: Express, answer: Answer): void {
  const called = within('called', answer) as unknown as RequestHandler;
  app.use('/mounted', within('mounted', answer));
  app.use('/called', (req, res, next) => called(req, res, next));
}

function within(text: string, answer: Answer): Express {
  const inner = express();
  inner.post(
    '/views',
    on((req, res) => {
      req.session.views = (req.session.views ?? 0) + 1;
      answer(req, res, { same: req.session.id === req.sessionID });
    }),
  );
  inner.post(
    '/throws',
    on((req) => {
      req.session.within = text;
      throw Object.assign(new Error(text), { status: 418 });
    }),
  );
  inner.post(
    '/passes',
    on((req, _res, next) => {
      req.session.within = text;
      next();
    }),
  );
  return inner;
}
