/** The same app under express-session and under `session()`, with the same options. */
import type { RequestHandler } from 'express';
import expressSession from 'express-session';
import { type SessionOptions, session } from '../../src/index.js';
import { testSecret } from '../support/app.js';
import { Turnstile } from '../support/turnstile.js';
import { makeApp } from './app.js';
import { type Side, side } from './compare.js';

export interface Shared {
  readonly unset?: 'keep' | 'destroy';
  readonly cookie?: { readonly maxAge: number };
}

const common = { secret: testSecret, name: 'connect.sid', resave: false, saveUninitialized: false } as const;

export const theirSide = (options: Shared): Promise<Side> => {
  const turnstile = new Turnstile();
  return side(makeApp(expressSession({ ...common, ...options }), turnstile), turnstile, () => 'connect.sid');
};

export const ourSide = (options: Shared, only: SessionOptions = {}): Promise<Side> => {
  const turnstile = new Turnstile();
  const sessions = session({ ...common, ...options, log: () => {}, ...only }) as unknown as RequestHandler;
  // Vitest sets NODE_ENV to test, where the name is the same on every port.
  return side(makeApp(sessions, turnstile), turnstile, () => 'connect.sid-test');
};
