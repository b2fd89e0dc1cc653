/** What the small benchmarks share: where the built parts are, what they work on, how they are timed. */
import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { repositoryVariable } from '../built.js';
import { peer } from '../configurations/peer.js';
import { dataOf } from '../sessions.js';

/** In milliseconds: what this process has had of the machine, so that others on it are not measured. */
const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
};

/** The part of tinybench that is used here. */
interface Tinybench {
  readonly Bench: new (options: {
    time: number;
    warmupTime: number;
    now: () => number;
  }) => {
    add(name: string, run: () => void): unknown;
    run(): Promise<readonly { readonly result?: { readonly latency?: { readonly p50: number } } }[]>;
  };
}

export interface Micro {
  readonly name: string;
  /** Sets up once; what it answers is timed. */
  make(): Promise<() => unknown>;
}

/** A module of the build, whichever tree it is of: `core/token`. */
export function part<Module>(path: string): Promise<Module> {
  const repository = process.env[repositoryVariable] ?? '';
  return import(pathToFileURL(join(repository, 'dist', 'esm', `${path}.js`)).href);
}

export const secret = 'a3F0kq9ZxW2mN7vB5cT8yR1uL6pD4sJ0';
export const audience = 'app';
export const data = dataOf(7);
export const idleMs = 3_600_000;

/** Of somebody who has signed in. */
export const header = {
  owner: 'person-7',
  aal: 1,
  amr: ['pwd'],
  createdAt: 1_893_456_000_000,
  authenticatedAt: 1_893_456_000_001,
  absoluteDeadline: 1_893_542_400_001,
  idleMs,
  ownIdle: false,
  ownAbsolute: false,
  persistent: false,
  secretHash: createHash('sha256').update('secret').digest(),
  secretSince: 1_893_456_000_002,
  previousUntil: 0,
  renewalSeed: randomBytes(32),
} as const;

/** Nanoseconds of CPU time for a call: the medians of a bench's samples, by name; `undefined` where this tree has no such part. */
export async function timesOf(micros: readonly Micro[], ms: number): Promise<Record<string, number | undefined>> {
  const { Bench } = await peer<Tinybench>('tinybench');
  const times: Record<string, number | undefined> = {};
  for (const { name, make } of micros) {
    const call = await make().catch(() => undefined);
    if (call === undefined) {
      times[name] = undefined;
      continue;
    }
    // A call is too short for the clock: a thousand of them are one sample.
    const calls = 1_000;
    const bench = new Bench({ time: ms, warmupTime: ms / 2, now: cpuMs });
    bench.add(name, () => {
      for (let done = 0; done < calls; done++) call();
    });
    const [task] = await bench.run();
    const result = task?.result;
    if (result?.latency === undefined) throw new Error(`${name}: ${JSON.stringify(result)}`);
    times[name] = (result.latency.p50 * 1e6) / calls;
  }
  return times;
}
