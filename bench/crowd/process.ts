/**
 * One store and its crowd, in a process of its own: what a million sessions in memory do to the garbage collector then
 * reaches no other store. Started by parts/crowd.ts, which it tells of every count that is done.
 *
 * `process.ts <store> <counts by commas> <rounds> <milliseconds of a window>`
 */
import { makeId, makeOwner, makeRecord } from '../../src/stores/conformance/index.js';
import { reasonOf } from '../about.js';
import { type CallName, callNames, sweepMs, timesFor, type Window, watchPauses, window } from './calls.js';
import { type Known, kinds, lastsMs, type OpenStore, payload } from './kinds.js';

/** By the call: those of the store in question and of the small one, a window for each round. */
type Windows = { readonly [Name in CallName]: { readonly many: Window[]; readonly few: Window[] } };

export interface CrowdRow {
  readonly store: string;
  readonly sessions: number;
  readonly calls: Windows;
  /** In milliseconds, of a sweep that finds nothing; absent where the store has none. */
  readonly sweeps: { readonly many: readonly number[]; readonly few: readonly number[] };
  /** Of the garbage collector in this process, while all of this was measured. */
  readonly longestPauseMs: number;
  /** What a session takes in the store, by what that says of itself; absent where it doesn't, or for few sessions. */
  readonly bytes?: number;
}

export type Told = { readonly say: string } | { readonly row: CrowdRow } | { readonly failed: string };

export const few = 1_000;
/**
 * Under way at a time: a store that batches or pipelines does so. With ten times as many, lmdb's transactions leave lists
 * of free pages behind that every small one after them has to read and write: a touch then takes twenty times as long.
 */
const atOnce = 2_000;
/** As many sessions of each store are kept by name, to be asked for. */
const sample = 20_000;
/** Filled in one go; between two of them there is a line of progress. */
const portion = 50_000;

const [name = '', counts = '', rounds = '', windowMs = ''] = process.argv.slice(2);
const tell = (told: Told): void => void process.send?.(told);

async function create({ store }: OpenStore, from: number, to: number, every: number): Promise<Known[]> {
  const known: Known[] = [];
  const bytes = crypto.getRandomValues(new Uint8Array(payload));
  let next = from;
  const worker = async (): Promise<void> => {
    for (let n = next++; n < to; n = next++) {
      const owner = makeOwner();
      const id = makeId(owner);
      const record = makeRecord({ bytes, idleDeadline: Date.now() + lastsMs + n, owner });
      const answer = store.create(id, record);
      if ((answer instanceof Promise ? await answer : answer) !== 'created')
        throw new Error('a session was not created');
      if (n % every === 0) known.push({ id, owner, version: record.version });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return known;
}

/** The sessions from `from` to `to` are made, and `known` learns of some of them. */
async function fill(open: OpenStore, known: Known[], from: number, to: number): Promise<void> {
  const every = Math.max(1, Math.ceil(to / sample));
  for (let at = from; at < to; at += portion) {
    const end = Math.min(to, at + portion);
    known.push(...(await (open.fill?.(at, end, every) ?? create(open, at, end, every))));
    if (to - from > portion && (end / portion) % 4 === 0) tell({ say: `${name}: ${end.toLocaleString('en')} made` });
  }
  await open.settle?.();
}

async function measure(open: readonly [OpenStore, OpenStore], known: readonly [Known[], Known[]], sessions: number) {
  const calls = Object.fromEntries(callNames.map((call) => [call, { many: [], few: [] }])) as unknown as Windows;
  const sweeps = { many: [] as number[], few: [] as number[] };
  const sides = [
    { side: 'many', open: open[0], known: known[0] },
    { side: 'few', open: open[1], known: known[1] },
  ] as const;
  const times = new Map<CallName, number>();
  for (const call of callNames) {
    const each: number[] = [];
    for (const one of sides) each.push(await timesFor(one.open, one.known, call, Number(windowMs)));
    times.set(call, Math.min(...each));
  }
  const pauses = watchPauses();
  for (let round = 0; round < Number(rounds); round++) {
    for (const call of callNames) {
      for (const one of round % 2 === 0 ? sides : [...sides].reverse()) {
        calls[call][one.side].push(await window(one.open, one.known, call, times.get(call) ?? 0));
      }
    }
    for (const one of sides) sweeps[one.side].push((await sweepMs(one.open)) ?? Number.NaN);
  }
  const { longestMs } = await pauses();
  const bytes = sessions < 10_000 ? undefined : await open[0].bytes?.();
  const row: CrowdRow = {
    ...{ store: name, sessions, calls },
    sweeps: sweeps.many.some(Number.isNaN) ? { many: [], few: [] } : sweeps,
    longestPauseMs: longestMs,
    ...(bytes !== undefined && { bytes: bytes / sessions }),
  };
  return row;
}

async function main(): Promise<void> {
  const kind = kinds.find((one) => one.name === name);
  if (!kind) throw new Error(`There is no store '${name}'.`);
  const [large, small] = [await kind.open(), await kind.open()];
  try {
    const [known, knownOfFew]: [Known[], Known[]] = [[], []];
    await fill(small, knownOfFew, 0, few);
    let from = 0;
    for (const sessions of counts.split(',').map(Number)) {
      const begun = performance.now();
      await fill(large, known, from, sessions);
      from = sessions;
      const seconds = ((performance.now() - begun) / 1_000).toFixed(1);
      tell({ say: `${name}: ${sessions.toLocaleString('en')} sessions made, in ${seconds} s` });
      tell({ row: await measure([large, small], [known, knownOfFew], sessions) });
    }
  } finally {
    await small.close();
    await large.close();
  }
}

const orphaned = () => process.exit(1);

if (process.send) {
  // Whatever becomes of the harness.
  process.on('disconnect', orphaned);
  await main().catch((error) => tell({ failed: reasonOf(error) }));
  process.off('disconnect', orphaned);
  process.disconnect?.();
}
