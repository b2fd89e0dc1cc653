/** All that a request can do to a session, each as a handler that leaves a mark under its own name. */

import { revokeOwner, revokeSession } from '../../src/core/admin.js';
import type { Engine } from '../../src/core/engine.js';
import type { BareRequest } from '../support/bare-request.js';
import type { FakeClock } from '../support/fake-clock.js';

/** What a session holds before the race: room for a mark of either request in every kind of place. */
export const beginning = () => ({ n: 0, nest: {}, bin: { A: 1, B: 1 }, late: {} });
export const kept = ['A', 'B', 'n', 'nest', 'bin', 'late', 'userId'];
export const owner = 'ada';
/** Shorter than the store's deadline, so that a session can expire while a call is stopped. */
export const idleMs = 1_000;

export type Name = 'A' | 'B';

interface Shape {
  readonly n: number;
  readonly nest: Partial<Record<Name, number>>;
  readonly bin: Partial<Record<Name, number>>;
  readonly late: Partial<Record<Name, number>>;
  readonly A?: number;
  readonly B?: number;
}

export interface Verb {
  readonly name: string;
  run(request: BareRequest, who: Name, world: { readonly engine: Engine; readonly clock: FakeClock }): unknown;
  /** Whether the request's change is in this data; absent for a verb that changes none. */
  readonly mark?: (data: Shape, who: Name) => boolean;
  /** The data of the session before is not carried on, by intention. */
  readonly discards?: true;
  /** Afterwards there is no session in this one's place. */
  readonly ends?: true;
  /** Afterwards another session is in this one's place. */
  readonly replaces?: true;
  /** Ends the owner's other sessions first, and does so too where its own turns out to be over: the credential has changed. */
  readonly revokes?: true;
  /** Signs in or starts anew: it may begin a session where one has just ended. */
  readonly fresh?: true;
}

const marked = (data: Shape, who: Name) => data[who] === 1;

export const verbs: readonly Verb[] = [
  { name: 'read', run: ({ session }) => void session.id },
  { name: 'touch', run: ({ session }) => void session.touch() },
  {
    name: 'change',
    run({ session }, who) {
      session[who] = 1;
    },
    mark: marked,
  },
  {
    name: 'nested change',
    run({ session }, who) {
      session.nest[who] = 1;
    },
    mark: ({ nest }, who) => nest[who] === 1,
  },
  { name: 'removal', run: ({ session }, who) => void delete session.bin[who], mark: ({ bin }, who) => !(who in bin) },
  {
    name: 'update',
    async run({ session }, who) {
      await session.update<{ n: number } & Record<string, unknown>>((data) => {
        data.n += 1;
        data[who] = 1;
      });
    },
    mark: marked,
  },
  {
    name: 'change around an update',
    async run({ session }, who) {
      session[who] = 1;
      await session.update<{ n: number }>((data) => {
        data.n += 1;
      });
      session.late[who] = 1;
    },
    mark: (data, who) => marked(data, who) && data.late[who] === 1,
  },
  {
    name: 'save and change again',
    async run({ session }, who) {
      const { late } = session;
      session[who] = 1;
      late.soon = 1;
      await session.save();
      late[who] = 1;
    },
    mark: (data, who) => marked(data, who) && data.late[who] === 1,
  },
  {
    name: 'reload and change',
    async run({ session }, who) {
      await session.reload();
      session[who] = 1;
    },
    mark: marked,
  },
  {
    name: 'identity field',
    run({ session }, who) {
      session[who] = 1;
      session.userId = 7;
    },
    mark: marked,
    replaces: true,
  },
  {
    name: 'reauthenticate',
    async run({ session }, who) {
      session[who] = 1;
      await session.reauthenticate();
    },
    mark: marked,
    replaces: true,
  },
  {
    name: 'elevate',
    async run({ session }, who) {
      session[who] = 1;
      await session.elevate({ scope: 'payments' });
    },
    mark: marked,
    replaces: true,
  },
  {
    name: 'credential changed',
    async run({ session }, who) {
      session[who] = 1;
      await session.credentialChanged();
    },
    mark: marked,
    replaces: true,
    revokes: true,
  },
  {
    name: 'pending sign-in',
    run: ({ session }) => session.signIn(owner, { pending: 'mfa' }),
    discards: true,
    replaces: true,
    fresh: true,
  },
  {
    name: 'sign-in that keeps',
    async run({ session }, who) {
      session[who] = 1;
      await session.signIn(owner, { keep: kept });
    },
    mark: marked,
    replaces: true,
    fresh: true,
  },
  {
    name: 'sign-in',
    run: ({ session }) => session.signIn(owner),
    discards: true,
    replaces: true,
    fresh: true,
  },
  {
    name: 'regenerate',
    async run(request, who) {
      await request.session.regenerate();
      request.session[who] = 1;
    },
    mark: marked,
    discards: true,
    replaces: true,
    fresh: true,
  },
  { name: 'sign-out', run: ({ session }) => session.signOut(), discards: true, ends: true },
  { name: 'destroy', run: ({ session }) => session.destroy(), discards: true, ends: true },
  {
    name: 'revoke',
    async run({ handle }, _who, { engine }) {
      if (!(await revokeSession(engine, handle.stored?.id ?? '', 'revoked'))) throw new NotRevoked();
    },
    discards: true,
    ends: true,
  },
  {
    name: 'revoke all',
    run: (_request, _who, { engine }) => revokeOwner(engine, owner, 'revoked'),
    discards: true,
    ends: true,
  },
  { name: 'expiry', run: (_request, _who, { clock }) => clock.advance(idleMs), discards: true, ends: true },
];

/** `revoke` said that there was no such session. */
export class NotRevoked extends Error {}
