/** What is asked of the app, and what the project promises of it. */
import type { Requests } from './load.js';

export interface Case {
  readonly name: string;
  readonly title: string;
  readonly method: Requests['method'];
  readonly path: string;
  /** Requests carry the cookie of a session. */
  readonly known: boolean;
}

export const cases: readonly Case[] = [
  { name: 'read', title: 'Read: a GET answers one field of the session', method: 'GET', path: '/read', known: true },
  {
    name: 'write',
    title: 'Write: a POST changes one field of the session',
    method: 'POST',
    path: '/write',
    known: true,
  },
  { name: 'anon', title: 'Strangers: the same GET without a cookie', method: 'GET', path: '/read', known: false },
  {
    name: 'public',
    title: 'Strangers at a page that never looks at the session',
    method: 'GET',
    path: '/public',
    known: false,
  },
];

export interface Goal {
  readonly configuration: string;
  readonly case: string;
  /** At least this share of the requests per second of no session, in the same round. */
  readonly ratio?: number;
  /** At most this much CPU time over no session, in microseconds a request. */
  readonly overUs?: number;
}

export const goals: readonly Goal[] = [
  { configuration: 'holdfast-memory', case: 'read', ratio: 0.75, overUs: 58 },
  { configuration: 'holdfast-memory', case: 'anon', ratio: 0.92 },
  { configuration: 'holdfast-memory', case: 'public', ratio: 0.92 },
];
