/**
 * All changes that are asked for before the write lock is had go into one transaction. Each is acknowledged when that
 * transaction is committed and flushed; if it fails, nothing of it is there, and all of them are rejected.
 */
import { SessionError } from '../../core/errors.js';
import type { Tables } from './open.js';

interface Job {
  readonly run: () => unknown;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
}

type Outcome = { readonly answer: unknown } | { readonly refused: SessionError };

export class Batches {
  readonly #root: Tables['root'];
  readonly #transaction: (jobs: () => void) => void;
  #waiting: Job[] = [];
  #running = new Set<Promise<void>>();
  #failed = false;

  /** `transaction` runs inside of each transaction, around its jobs. */
  constructor(root: Tables['root'], transaction: (jobs: () => void) => void) {
    this.#root = root;
    this.#transaction = transaction;
  }

  /**
   * Runs `job` in a transaction. A SessionError with the outcome `not-applied` means that the job refused before it
   * wrote anything: only its own caller hears of it. Any other error undoes the whole transaction.
   */
  run<Answer>(job: () => Answer): Promise<Answer> {
    return new Promise<Answer>((resolve, reject) => {
      this.#waiting.push({ run: job, resolve: resolve as (answer: unknown) => void, reject });
      if (this.#waiting.length > 1) return;
      const batch: Promise<void> = this.#commit().finally(() => this.#running.delete(batch));
      this.#running.add(batch);
    });
  }

  /** Resolves when nothing is under way; false if the last transaction failed, after which lmdb's own close may never end. */
  async settled(): Promise<boolean> {
    while (this.#running.size > 0) await Promise.all(this.#running);
    return !this.#failed;
  }

  async #commit(): Promise<void> {
    let jobs: Job[] = [];
    let outcomes: Outcome[] = [];
    try {
      // A child transaction, since only that can be undone when a write in the middle of a job fails.
      const committed = this.#root.childTransaction(() => {
        jobs = this.#take();
        this.#transaction(() => {
          outcomes = jobs.map(({ run }) => attempt(run));
        });
      });
      // Taken now, because it names the flush of this transaction only until the next one is begun.
      const flushed = this.#root.flushed.then(() => undefined);
      await committed;
      await flushed;
      this.#failed = false;
      for (const [index, { resolve, reject }] of jobs.entries()) {
        const outcome = outcomes[index];
        if (outcome && 'refused' in outcome) reject(outcome.refused);
        else resolve(outcome?.answer);
      }
    } catch (error) {
      this.#failed = true;
      if (jobs.length === 0) jobs = this.#take();
      const fault = await faultOf(error);
      for (const { reject } of jobs) reject(fault);
    }
  }

  #take(): Job[] {
    const jobs = this.#waiting;
    this.#waiting = [];
    return jobs;
  }
}

function attempt(run: () => unknown): Outcome {
  try {
    return { answer: run() };
  } catch (error) {
    if (error instanceof SessionError && error.outcome === 'not-applied') return { refused: error };
    throw error;
  }
}

/** errno. A disk that fills up within a write shows as an input/output error first. */
const noSpace = 28;

/** lmdb says why a commit failed in a promise on the error, which must be heard or it ends the process. */
async function faultOf(error: unknown): Promise<SessionError> {
  if (error instanceof SessionError) return error;
  const reason = typeof error === 'object' && error !== null ? Reflect.get(error, 'commitError') : undefined;
  const cause =
    reason instanceof Promise
      ? await reason.then(
          () => error,
          (why: unknown) => why,
        )
      : error;
  const message = cause instanceof Error ? cause.message : String(cause);
  if (typeof cause === 'object' && cause !== null && Reflect.get(cause, 'code') === noSpace) {
    return new SessionError(
      'ERR_SESSION_STORE_FULL',
      'lmdbStore: the disk is full, so nothing was stored; reads go on. Free space, or lower maxBytes.',
      { cause, outcome: 'not-applied' },
    );
  }
  return new SessionError(
    'ERR_SESSION_STORE_UNAVAILABLE',
    `lmdbStore: the transaction failed: ${message}. Look at the disk: it may be full, or failing.`,
    {
      cause,
      outcome: 'unknown',
    },
  );
}
