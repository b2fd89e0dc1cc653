/** What is asked of the app, and what the project promises of it. */
import type { Requests } from './load.js';

export interface Case {
  readonly name: string;
  readonly title: string;
  readonly method: Requests['method'];
  readonly path: string;
  /** Requests carry the cookie of a session. */
  readonly known: boolean;
  /** The handler touches the session. */
  readonly looks: boolean;
}

export const cases: readonly Case[] = [
  {
    name: 'read',
    title: 'Read: a GET answers one field of the session',
    method: 'GET',
    path: '/read',
    known: true,
    looks: true,
  },
  {
    name: 'write',
    title: 'Write: a POST changes one field of the session',
    method: 'POST',
    path: '/write',
    known: true,
    looks: true,
  },
  {
    name: 'anon',
    title: 'Strangers: the same GET without a cookie',
    method: 'GET',
    path: '/read',
    known: false,
    looks: true,
  },
  {
    name: 'public',
    title: 'Strangers at a page that never looks at the session',
    method: 'GET',
    path: '/public',
    known: false,
    looks: false,
  },
];

/** Not in the main table: what a session costs a signed-in request that has no use for it. */
export const untouched: Case = {
  name: 'untouched',
  title: 'Signed in, at a page that never looks at the session',
  method: 'GET',
  path: '/public',
  known: true,
  looks: false,
};

export interface Goal {
  readonly configuration: string;
  readonly case: string;
  /** At least this share of the requests per second of no session, in the same round. */
  readonly ratio?: number;
  /** At most this much CPU time over no session, in microseconds a request. */
  readonly overUs?: number;
  /** At least so many times the requests per second of another row, in the same round. */
  readonly times?: { readonly configuration: string; readonly ratio: number };
}

export const goals: readonly Goal[] = [
  { configuration: 'holdfast-redis', case: 'read', ratio: 0.9, overUs: 20 },
  { configuration: 'holdfast-redis-uncached', case: 'read', ratio: 0.8 },
  {
    configuration: 'holdfast-redis',
    case: 'write',
    ratio: 0.8,
    times: { configuration: 'express-session-connect-redis', ratio: 1.7 },
  },
  { configuration: 'holdfast-redis', case: 'anon', ratio: 0.96, overUs: 8 },
  { configuration: 'holdfast-redis', case: 'public', ratio: 0.96, overUs: 8 },
  { configuration: 'holdfast-lmdb', case: 'read', ratio: 0.85 },
  { configuration: 'holdfast-lmdb', case: 'write', ratio: 0.7 },
  { configuration: 'holdfast-memory', case: 'read', ratio: 0.9 },
];
