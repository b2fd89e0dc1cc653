/**
 * The laws of the store contract as tests, for any test runner: what a store must keep to, and what every store that
 * comes with holdfast is held to.
 *
 *   import { test } from 'node:test';
 *   storeConformance({ test, makeStore: () => ({ store: myStore() }) });
 *
 * With it come `faultyStore`, a store that fails on command, and makers of ids, versions and records.
 */
import type { MaybePromise, SessionStore } from '../../core/store.js';
import { bytes } from './bytes.js';
import { compareAndSet } from './compare-and-set.js';
import { deadlines } from './deadlines.js';
import { idempotence } from './idempotence.js';
import type { Law, Subject } from './law.js';
import { lifecycle } from './lifecycle.js';
import { noResurrection } from './no-resurrection.js';
import { owners } from './owners.js';
import { races } from './races.js';
import { replace } from './replace.js';
import { sequences } from './sequences.js';
import { walking } from './walking.js';
import { watching } from './watching.js';

export { type FaultyStore, faultyStore } from './faulty.js';
export { makeEnding, makeId, makeOwner, makeOwning, makeRecord, makeVersion } from './fixtures.js';
export type { Subject } from './law.js';

export interface ConformanceOptions {
  /** The runner's way to declare a test: that of node:test, vitest, mocha or jest. */
  readonly test: (title: string, run: (...context: unknown[]) => Promise<void>) => unknown;
  /** Called once for each test, and closed after it. */
  readonly makeStore: () => MaybePromise<Subject>;
  /**
   * Hears of each law that does not apply, from inside its test, with what the runner passed to it: for vitest and
   * node:test `(title, reason, context) => context.skip(reason)`. Default: a line on stderr.
   */
  readonly skip?: (title: string, reason: string, context: unknown) => void;
  /** False for a store whose page says that `replace` takes several steps. Default true. */
  readonly atomicReplace?: boolean;
  /** How many random sequences of calls each law about them tries. Default 200. */
  readonly sequences?: number;
  /** Where the random sequences begin; a failure names it. Default 1. */
  readonly seed?: number;
}

const groups: Record<string, readonly Law[]> = {
  lifecycle,
  'no resurrection': noResurrection,
  'compare and set': compareAndSet,
  deadlines,
  idempotence,
  replace,
  owners,
  bytes,
  walking,
  watching,
  sequences,
  races,
};

/** Declares one test for each law. */
export function storeConformance(options: ConformanceOptions): void {
  for (const [group, laws] of Object.entries(groups)) {
    for (const law of laws) {
      const title = `${group}: ${law.title}`;
      // No named parameter: runners take one for a callback, or for a list of fixtures.
      options.test(title, (...context) => uphold(title, law, options, context[0]));
    }
  }
}

async function uphold(title: string, law: Law, options: ConformanceOptions, context: unknown): Promise<void> {
  const subject = await options.makeStore();
  const handles: SessionStore[] = [subject.store];
  try {
    const unmet = law.needs.find((need) => !need.isMet(subject, { atomicReplace: options.atomicReplace ?? true }));
    if (unmet) {
      const skip = options.skip ?? ((law, reason) => console.error(`skipped: ${law}: ${reason}`));
      skip(title, unmet.reason, context);
      return;
    }
    const second = (await subject.reopen?.()) ?? subject.store;
    handles.push(second);
    const { sequences: count = 200, seed = 1 } = options;
    await law.run({ store: subject.store, second, subject, sequences: count, seed });
  } finally {
    subject.beforeCommand?.(undefined);
    for (const handle of new Set(handles)) await handle.close?.();
    await subject.close?.();
  }
}
