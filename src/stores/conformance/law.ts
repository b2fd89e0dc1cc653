/** What a law is, what it may need, and what it is given. */
import assert from 'node:assert/strict';
import {
  isOwnerIndexed,
  isScannable,
  isSweepable,
  isWatchable,
  type MaybePromise,
  type OwnerIndexed,
  type Scannable,
  type SessionStore,
  type StoredRecord,
  type Sweepable,
  type Watchable,
} from '../../core/store.js';
import { makeRecord } from './fixtures.js';

/** A store made for one test, and what the kit may do with it beyond the contract. */
export interface Subject {
  /** A store that holds nothing that the test could meet. */
  readonly store: SessionStore;
  /** A second handle on the same data, as another process would have. Give it wherever processes can share the store. */
  readonly reopen?: () => MaybePromise<SessionStore>;
  /**
   * For a store that sends commands to a server: `hook` is to be called, and awaited, before each command of a change,
   * and no more after `undefined`. If it throws, the command is not sent and the change fails: a crash at that point.
   */
  readonly beforeCommand?: (hook: (() => MaybePromise<void>) | undefined) => void;
  /** Cleans up, after the kit has called `close` of the store and of each second handle. */
  readonly close?: () => MaybePromise<void>;
}

/** What a law runs on. */
export interface Bench {
  readonly store: SessionStore;
  /** Another handle on the same data; the same handle where there is no other. */
  readonly second: SessionStore;
  readonly subject: Subject;
  /** How many random sequences to try, and where to begin. */
  readonly sequences: number;
  readonly seed: number;
}

/** Something that not every store has. */
export interface Need {
  readonly isMet: (subject: Subject, settings: { readonly atomicReplace: boolean }) => boolean;
  readonly reason: string;
}

export interface Law {
  readonly title: string;
  readonly needs: readonly Need[];
  readonly run: (bench: Bench) => Promise<void>;
}

export function law(title: string, run: Law['run'], ...needs: Need[]): Law {
  return { title, needs, run };
}

export const needsOwners: Need = {
  isMet: ({ store }) => isOwnerIndexed(store),
  reason: 'the store has no listByOwner and endByOwner',
};
export const needsScan: Need = { isMet: ({ store }) => isScannable(store), reason: 'the store has no scan' };
export const needsSweep: Need = { isMet: ({ store }) => isSweepable(store), reason: 'the store has no sweep' };
export const needsWatch: Need = { isMet: ({ store }) => isWatchable(store), reason: 'the store has no watch' };
export const needsSecondHandle: Need = {
  isMet: ({ reopen }) => reopen !== undefined,
  reason: 'makeStore() gives no reopen, so the store is taken to be of one process',
};
export const needsCommands: Need = {
  isMet: ({ beforeCommand }) => beforeCommand !== undefined,
  reason: 'makeStore() gives no beforeCommand, so each change is taken to be one step',
};
export const needsAtomicReplace: Need = {
  isMet: (_, { atomicReplace }) => atomicReplace,
  reason: 'the store says that its replace takes more than one step',
};

/** The store with a capability that the law has named among its needs. */
export const owned = (store: SessionStore): SessionStore & OwnerIndexed => having(store, isOwnerIndexed);
export const scannable = (store: SessionStore): SessionStore & Scannable => having(store, isScannable);
export const sweepable = (store: SessionStore): SessionStore & Sweepable => having(store, isSweepable);
export const watchable = (store: SessionStore): SessionStore & Watchable => having(store, isWatchable);

function having<Capability>(
  store: SessionStore,
  has: (store: object) => store is Capability & object,
): SessionStore & Capability {
  assert(has(store), 'a second handle lacks what the first one has');
  return store;
}

/** Creates a record, which must succeed, and answers it. */
export async function created(
  store: SessionStore,
  id: Parameters<SessionStore['create']>[0],
  fields: Partial<StoredRecord> = {},
): Promise<StoredRecord> {
  const record = makeRecord(fields);
  assert.equal(await store.create(id, record), 'created');
  return record;
}

/** Answers and states in a form that compares by content: bytes as base64, nothing undefined. */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return `bytes:${Buffer.from(value).toString('base64')}`;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .map(([name, field]) => [name, plain(field)]),
  );
}

/** Fails unless the two have the same content. */
export function assertSame(actual: unknown, expected: unknown, message?: string): void {
  assert.deepEqual(plain(actual), plain(expected), message);
}
