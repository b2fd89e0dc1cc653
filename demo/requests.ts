/** What the demo's routes ask of a request. */
import type { Request, RequestHandler } from 'express';
import { type Duration, endedMessage, type Sessions, sessionOf } from 'holdfast';
import { HttpError } from './errors.js';
import type { Users } from './users.js';

/** What this app keeps in a session. */
export interface DemoData {
  views: number;
  /** Said once on the next page. */
  told: string;
}

export const sessionIn = (req: Request) => sessionOf<DemoData>(req);

export interface Parts {
  readonly sessions: Sessions;
  readonly users: Users;
  /** How recent a sign-in must be for what could lock its owner out. Default 5 minutes. */
  readonly freshWithin?: Duration | undefined;
}

/** Why the person is signed out, if their browser had a session that is over. */
export const because = (req: Request): string | undefined =>
  endedMessage(sessionIn(req).info.endedReason, { 'account-closed': 'Your account is closed.' });

/** A form can send lists and JSON anything; a field that is no text counts as empty. */
export function textFields<Name extends string>(body: unknown, names: readonly Name[]): Record<Name, string> {
  const fields = new Map<string, unknown>(Object.entries(body ?? {}));
  const text = (name: Name): string => {
    const value = fields.get(name);
    return typeof value === 'string' ? value : '';
  };
  return Object.fromEntries(names.map((name) => [name, text(name)])) as Record<Name, string>;
}

export function onlyMethods(allowed: string): RequestHandler {
  return (_req, res) => {
    res.set('Allow', allowed);
    throw new HttpError(405, `This address takes ${allowed} only.`);
  };
}
