/** Child processes that share a folder with the test, and what is said between them. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { OwnerHash, SessionId, Version } from '../../src/core/ids.js';
import { type LmdbStore, type LmdbStoreOptions, lmdbStore } from '../../src/stores/lmdb.js';

interface Target {
  readonly id: SessionId;
  readonly version: Version;
}

export interface Work {
  readonly times: number;
  readonly counters: readonly SessionId[];
  readonly creations: readonly SessionId[];
  readonly replacements: readonly Target[];
  readonly endings: readonly Target[];
  readonly owner: OwnerHash;
}

export interface Tally {
  readonly created: SessionId[];
  readonly replaced: SessionId[];
  readonly successors: SessionId[];
  ended: number;
  revived: number;
}

export type Request =
  | { readonly do: 'end'; readonly id: SessionId }
  | { readonly do: 'sweep'; readonly now: number; readonly limit: number }
  | { readonly do: 'hammer'; readonly work: Work }
  | { readonly do: 'write for ever' }
  | { readonly do: 'close' };

export interface Acknowledged {
  readonly id: SessionId;
  readonly version?: Version;
  readonly ended?: true;
  /** Nothing more was asked for this id, so it must be stored as it was acknowledged. */
  readonly isLast: boolean;
}

interface Reply {
  readonly number?: number;
  readonly answer?: unknown;
  readonly error?: string;
  readonly acknowledged?: Acknowledged;
}

const program = fileURLToPath(new URL('child.ts', import.meta.url));

export class Child {
  readonly process: ChildProcess;
  onAcknowledged: (what: Acknowledged) => void = () => undefined;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #number = 0;

  constructor(path: string) {
    this.process = fork(program, [path], { execArgv: ['--import', 'tsx'] });
    this.process.on('message', (reply: Reply) => {
      if (reply.acknowledged) this.onAcknowledged(reply.acknowledged);
      if (reply.number !== undefined) this.#waiting.get(reply.number)?.(reply);
    });
  }

  ask<Answer>(request: Request): Promise<Answer> {
    const number = ++this.#number;
    this.process.send({ number, request });
    return new Promise((resolve, reject) => {
      this.#waiting.set(number, ({ answer, error }) => {
        this.#waiting.delete(number);
        if (error === undefined) resolve(answer as Answer);
        else reject(new Error(error));
      });
    });
  }

  async kill(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const exit = once(this.process, 'exit');
    this.process.kill('SIGKILL');
    await exit;
  }
}

export async function startChild(path: string): Promise<Child> {
  const child = new Child(path);
  onTestFinished(() => child.kill());
  await once(child.process, 'message');
  return child;
}

/** A folder that goes with the test. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'holdfast-lmdb-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A store that is closed with the test, before its folder goes. */
export function openStore(path: string, options: Omit<LmdbStoreOptions, 'path'> = {}): LmdbStore {
  const store = lmdbStore({ path, ...options });
  onTestFinished(() => store.close());
  return store;
}
