/** What is asked of a store with few sessions and of one with many, and what each call takes. */
import { PerformanceObserver } from 'node:perf_hooks';
import { isSweepable } from '../../src/core/store.js';
import { makeId, makeOwner, makeRecord, makeVersion } from '../../src/stores/conformance/index.js';
import { type Known, lastsMs, type OpenStore, payload } from './kinds.js';

export const callNames = ['read', 'touch', 'update', 'begin and end'] as const;
export type CallName = (typeof callNames)[number];

/** Of a window: by call, in microseconds. */
export interface Window {
  /** CPU time of this process, garbage collection included, and of the store's server where it says. */
  readonly cpuUs: number;
  readonly wallUs: number;
}

const bytes = crypto.getRandomValues(new Uint8Array(payload));
/** Calls under way at once on a store that answers later, as a server has them; where it answers at once, there is one. */
const lanes = 16;
let deadline = Date.now() + lastsMs;

/** One of its own for each lane, so that no two of them update the same session. */
function one(known: readonly Known[], lane: number): Known {
  const found = known[Math.floor((Math.random() * known.length) / lanes) * lanes + lane] ?? known[lane];
  if (found === undefined) throw new Error('there is no session to call for');
  return found;
}

function expect(what: string, answer: unknown, wanted: unknown): void {
  if (answer !== wanted) throw new Error(`${what}: expected ${wanted}, got ${JSON.stringify(answer)}`);
}

type Call = (store: OpenStore['store'], known: readonly Known[], lane: number) => unknown;

const calls: Readonly<Record<CallName, Call>> = {
  read(store, known, lane) {
    const found = store.read(one(known, lane).id);
    const check = (record: Awaited<typeof found>) =>
      expect('read', record && 'bytes' in record ? record.bytes.length : record, payload);
    return found instanceof Promise ? found.then(check) : check(found);
  },
  touch(store, known, lane) {
    // Each moves the deadline on, so that each writes.
    const answer = store.touch(one(known, lane).id, deadline++);
    const check = (said: unknown) => expect('touch', said, 'touched');
    return answer instanceof Promise ? answer.then(check) : check(answer);
  },
  update(store, known, lane) {
    const session = one(known, lane);
    const { owner, version: expected } = session;
    const version = makeVersion();
    const answer = store.update(session.id, makeRecord({ bytes, version, idleDeadline: deadline++, owner }), expected);
    const check = (said: unknown) => {
      expect('update', said, 'updated');
      session.version = version;
    };
    return answer instanceof Promise ? answer.then(check) : check(answer);
  },
  'begin and end'(store) {
    const owner = makeOwner();
    const id = makeId(owner);
    const now = Date.now();
    const record = makeRecord({ bytes, idleDeadline: deadline++, owner });
    const created = store.create(id, record, { now, startedAt: now, keepUntil: now + 1 });
    // The marker is over at once: the store must not grow by what is measured.
    const ending = { reason: 'signed-out', at: now, keepUntil: now + 1 };
    if (created instanceof Promise) {
      return created
        .then((answer) => expect('create', answer, 'created'))
        .then(() => store.end(id, ending))
        .then((answer) => expect('end', answer, true));
    }
    expect('create', created, 'created');
    return expect('end', store.end(id, ending), true);
  },
};

/** Calls of random sessions, one after the other in each lane. */
export async function window(open: OpenStore, known: readonly Known[], name: CallName, times: number): Promise<Window> {
  const call = calls[name];
  const under: Promise<void>[] = [];
  const serverBefore = (await open.cpuUs?.()) ?? 0;
  const begun = performance.now();
  const before = process.cpuUsage();
  let left = times;
  const goOn = async (lane: number, answer: unknown): Promise<void> => {
    await answer;
    while (left-- > 0) await call(open.store, known, lane);
  };
  for (let lane = 0; left-- > 0; ) {
    const answer = call(open.store, known, lane);
    if (!(answer instanceof Promise)) continue;
    under.push(goOn(lane, answer));
    if (++lane === lanes) break;
  }
  await Promise.all(under);
  const { user, system } = process.cpuUsage(before);
  const wallUs = ((performance.now() - begun) * 1_000) / times;
  const server = ((await open.cpuUs?.()) ?? 0) - serverBefore;
  return { cpuUs: (user + system + server) / times, wallUs };
}

/** How many calls take about so long. */
export async function timesFor(open: OpenStore, known: readonly Known[], name: CallName, ms: number): Promise<number> {
  await window(open, known, name, 200);
  const { wallUs } = await window(open, known, name, 100);
  return Math.min(20_000, Math.max(20, Math.round((ms * 1_000) / wallUs)));
}

/** What a sweep takes that finds next to nothing: it must not look at every session. Undefined where the store has none. */
export async function sweepMs(open: OpenStore): Promise<number | undefined> {
  if (!isSweepable(open.store)) return undefined;
  // The first may find what ended meanwhile.
  await open.store.sweep(Date.now(), 100_000);
  const begun = performance.now();
  await open.store.sweep(Date.now(), 500);
  return performance.now() - begun;
}

/** The garbage collector's pauses, from now to when it is asked. */
export function watchPauses(): () => Promise<{ readonly longestMs: number; readonly totalMs: number }> {
  let [longestMs, totalMs] = [0, 0];
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      longestMs = Math.max(longestMs, duration);
      totalMs += duration;
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  return async () => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    observer.disconnect();
    return { longestMs, totalMs };
  };
}
