/** Growth over the number of sessions, in the store itself: the same calls on a store with few and on one with ever more. */
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SessionId } from '../../src/core/ids.js';
import type { SessionStore } from '../../src/core/store.js';
import { makeId, makeOwner, makeRecord } from '../../src/stores/conformance/index.js';
import { lmdbStore } from '../../src/stores/lmdb.js';
import { memoryStore } from '../../src/stores/memory.js';
import { mongodbStore } from '../../src/stores/mongodb.js';
import { postgresStore } from '../../src/stores/postgres.js';
import { redisStore } from '../../src/stores/redis.js';
import { findProgram, type ProgramName, programs } from '../../test/support/programs.js';
import { reasonOf } from '../about.js';
import { onMongodb } from '../configurations/on-mongodb.js';
import { onPostgres } from '../configurations/on-postgres.js';
import { onRedis } from '../configurations/on-redis.js';
import { short, table } from '../markdown.js';
import { chosen, type Part } from '../part.js';
import { medianOf } from '../statistics.js';

interface CrowdRow {
  readonly store: string;
  readonly sessions: number;
  /** Microseconds, a median for each round; `few` are those of the small store in the same rounds. */
  readonly reads: readonly number[];
  readonly readsOfFew: readonly number[];
  readonly touches: readonly number[];
  readonly touchesOfFew: readonly number[];
}

interface CrowdData {
  readonly few: number;
  readonly rows: readonly CrowdRow[];
  /** Stores that were not measured to the end, and why. */
  readonly cut: readonly string[];
}

interface OpenStore {
  readonly store: SessionStore;
  close(): Promise<void>;
}

const few = 1_000;
const decades = [100, 1_000, 10_000, 100_000, 1_000_000];
const payload = 1_000;
const atOnce = 200;
/** As many ids of each store are kept, to be used. */
const sample = 10_000;
const callsInARound = 200;
/** For one store, all its decades. */
const fillMs = 60_000;

/** Where the bundled server gets it from the harness. */
function toldWhere(name: ProgramName): void {
  process.env[programs[name].variable] = findProgram(name) ?? '';
}

interface Kind {
  readonly name: string;
  /** That its server here can hold. */
  readonly most?: number;
  open(): Promise<OpenStore>;
}

const kinds: readonly Kind[] = [
  {
    name: 'memory',
    async open() {
      const store = memoryStore({ maxSessions: 2_000_000, maxBytes: 8 * 2 ** 30 });
      return { store, close: async () => void (await store.close?.()) };
    },
  },
  {
    name: 'lmdb',
    async open() {
      const path = await mkdtemp(join(tmpdir(), 'holdfast-crowd-'));
      const store = lmdbStore({ path, maxBytes: 16 * 2 ** 30 });
      const close = async () => {
        await store.close?.();
        rmSync(path, { recursive: true, force: true });
      };
      return { store, close };
    },
  },
  {
    name: 'redis',
    async open() {
      toldWhere('redis-server');
      const { made, close } = await onRedis((client) => redisStore({ client }));
      return { store: made, close };
    },
  },
  {
    name: 'postgres',
    async open() {
      toldWhere('postgres');
      const { made, close } = await onPostgres((pool) => postgresStore({ pool, queryTimeout: '30s' }));
      return { store: made, close };
    },
  },
  {
    name: 'mongodb',
    // mongo-java-server keeps all in a heap of 256 MB.
    most: 10_000,
    async open() {
      toldWhere('mongodb-server');
      const { made, close } = await onMongodb((db) => mongodbStore({ db }));
      return { store: made, close };
    },
  },
];

/** An hour and more, so that none expires meanwhile. */
const idleDeadline = () => Date.now() + 3 * 3_600_000;

/** Creates sessions until there are `count`, or until `until`; answers how many there are. */
async function fill(store: SessionStore, ids: SessionId[], from: number, count: number, until: number) {
  let begun = from;
  const every = Math.max(1, Math.floor(count / sample));
  const create = async (): Promise<void> => {
    for (let index = begun++; index < count; index = begun++) {
      if (performance.now() > until) return void begun--;
      const owner = makeOwner();
      const id = makeId(owner);
      const bytes = crypto.getRandomValues(new Uint8Array(payload));
      await store.create(id, { ...makeRecord({ bytes, idleDeadline: idleDeadline() + index }), owner });
      if (index % every === 0) ids.push(id);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, create));
  return begun >= count;
}

async function timed(ids: readonly SessionId[], call: (id: SessionId) => unknown): Promise<number> {
  const times: number[] = [];
  for (let done = 0; done < callsInARound; done++) {
    const id = ids[Math.floor(Math.random() * ids.length)];
    if (id === undefined) throw new Error('there is no session to call for');
    const begun = performance.now();
    const answer = await call(id);
    times.push((performance.now() - begun) * 1_000);
    if (answer === undefined || answer === 'gone') throw new Error('a session that was created is not there');
  }
  return medianOf(times);
}

async function measureKind(kind: Kind, most: number, rounds: number, say: (line: string) => void) {
  const rows: CrowdRow[] = [];
  const opened: OpenStore[] = [];
  let cut: string | undefined;
  try {
    const [small, large] = [await kind.open(), await kind.open()];
    opened.push(small, large);
    const [fewIds, ids]: [SessionId[], SessionId[]] = [[], []];
    const until = performance.now() + fillMs;
    await fill(small.store, fewIds, 0, few, Number.POSITIVE_INFINITY);
    let from = 0;
    for (const sessions of decades.filter((decade) => decade <= Math.min(most, kind.most ?? most))) {
      if (!(await fill(large.store, ids, from, sessions, until))) {
        cut = `${kind.name}, ${sessions.toLocaleString('en')} can't be made in ${fillMs / 1_000} s`;
        say(cut);
        break;
      }
      from = sessions;
      const row = {
        store: kind.name,
        sessions,
        reads: [] as number[],
        readsOfFew: [] as number[],
        touches: [] as number[],
        touchesOfFew: [] as number[],
      };
      const turns = [
        [row.reads, row.touches, large.store, ids],
        [row.readsOfFew, row.touchesOfFew, small.store, fewIds],
      ] as const;
      for (let round = 0; round < rounds; round++) {
        for (const [reads, touches, store, some] of round % 2 === 0 ? turns : [...turns].reverse()) {
          reads.push(await timed(some, (id) => store.read(id)));
          touches.push(await timed(some, (id) => store.touch(id, idleDeadline() + 1_000_000)));
        }
      }
      rows.push(row);
      say(`${kind.name}: ${sessions} sessions`);
    }
  } catch (error) {
    cut = `${kind.name}: ${reasonOf(error)}`;
    say(cut);
  } finally {
    for (const one of opened) await one.close();
  }
  return { rows, cut };
}

export const crowdPart: Part<CrowdData> = {
  name: 'crowd',
  title: 'Growth with the number of sessions',
  defaults: { rounds: 11, seconds: 1, sessions: few },
  estimate: ({ only, most, rounds }) =>
    chosen('only', only, kinds).length * ((most ?? 1_000_000) / 25_000 + rounds * 1.5 + 3),
  packages: () => ['lmdb', 'redis', 'pg', 'mongodb'],
  async run({ only, most = 1_000_000, rounds }, { say }) {
    const rows: CrowdRow[] = [];
    const cut: string[] = [];
    for (const kind of chosen('only', only, kinds)) {
      const measured = await measureKind(kind, most, rounds, say);
      rows.push(...measured.rows);
      if (measured.cut !== undefined) cut.push(measured.cut);
    }
    return { few, rows, cut };
  },
  markdown: ({ few: base, rows, cut }) => {
    const cells = rows.map(({ store, sessions, reads, readsOfFew, touches, touchesOfFew }) => {
      const ratio = (many: readonly number[], less: readonly number[]) =>
        medianOf(many.map((time, round) => time / (less[round] ?? Number.NaN))).toFixed(2);
      return [
        store,
        sessions.toLocaleString('en'),
        short(medianOf(reads)),
        ratio(reads, readsOfFew),
        short(medianOf(touches)),
        ratio(touches, touchesOfFew),
      ];
    });
    const head = ['store', 'sessions', 'read µs', `of ${base}`, 'touch µs', `of ${base}`];
    const unfinished = cut.length > 0 ? ` Not measured to the end: ${cut.join('; ')}.` : '';
    return `${table([head, ...cells])}

Calls to the store itself, one after the other, of random sessions of ${payload} bytes; "of ${base.toLocaleString('en')}" compares with a store of that many in the same rounds (goal: at most 1.10 at 1,000,000).${unfinished} The mongodb row is about the server that \`npm run services\` puts in place.
`;
  },
};
