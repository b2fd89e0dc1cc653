/** What a session takes: in the server process after a garbage collection, and in the store. */
import { reasonOf } from '../about.js';
import { configurations } from '../configurations/index.js';
import { connections } from '../load.js';
import { short, table } from '../markdown.js';
import { chosenConfigurations, type Part, packagesOf } from '../part.js';
import { beginSessions, Visitor } from '../proof.js';
import { Served } from '../served.js';
import { usualBytes } from '../sessions.js';
import { spreadOf } from '../statistics.js';

interface MemoryRow {
  readonly configuration: string;
  /** Of a round. */
  readonly sessions: number;
  /**
   * By round, of the process's heap and buffers: what so many sessions more take, each by their number, once they were
   * begun, and once each was read as well.
   */
  readonly begun: readonly number[];
  readonly read: readonly number[];
  readonly store: readonly number[];
}

interface MemoryData {
  readonly rows: readonly MemoryRow[];
}

const usual = [
  'express-session-memory',
  'express-session-connect-redis',
  'express-session-connect-pg-simple',
  'better-auth-redis',
  'holdfast-memory',
  'holdfast-lmdb',
  'holdfast-redis',
  'holdfast-redis-uncached',
  'holdfast-postgres',
  'express-session-holdfast',
];

/**
 * Requests that make the process as large as it gets by itself: code, connections, pools, and what is kept of the last two
 * thousand sessions whatever comes. They begin sessions too, which is why only what comes on top is counted.
 */
const first = 2_500;

/** Every session once, as many at a time as there are connections. */
async function readAll(visitor: Visitor, cookies: readonly string[]): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let n = next++; n < cookies.length; n = next++) await visitor.ask('GET', '/read', cookies[n]);
  };
  await Promise.all(Array.from({ length: connections }, worker));
}

async function weighRow(served: Served, rounds: number, sessions: number): Promise<Omit<MemoryRow, 'configuration'>> {
  const visitor = new Visitor(served.port);
  const [begun, read, store]: [number[], number[], number[]] = [[], [], []];
  try {
    await readAll(visitor, await beginSessions(visitor, first));
    let before = await served.weighed();
    for (let round = 0; round < rounds; round++) {
      const cookies = await beginSessions(visitor, sessions);
      const afterBegun = await served.weighed();
      await readAll(visitor, cookies);
      const afterRead = await served.weighed();
      begun.push((afterBegun.heapBytes - before.heapBytes) / sessions);
      read.push((afterRead.heapBytes - before.heapBytes) / sessions);
      if (afterRead.storeBytes !== undefined && before.storeBytes !== undefined) {
        store.push((afterRead.storeBytes - before.storeBytes) / sessions);
      }
      before = afterRead;
    }
    return { sessions, begun, read, store };
  } finally {
    visitor.close();
  }
}

export const memoryPart: Part<MemoryData> = {
  name: 'memory',
  title: 'Memory for a session of about 1 KB',
  defaults: { rounds: 3, seconds: 1, sessions: 3_000 },
  estimate: ({ only, sessions, rounds }) =>
    chosenConfigurations(only, usual).length * (3 + (first + sessions * rounds) * 0.001),
  packages: ({ only }) => packagesOf(chosenConfigurations(only, usual)),
  async run({ only, sessions, rounds }, { serverFile, say, keep }) {
    const rows: MemoryRow[] = [];
    for (const one of chosenConfigurations(only, usual)) {
      let served: Served | undefined;
      try {
        served = await Served.start(one, serverFile);
        const row = { configuration: one.name, ...(await weighRow(served, rounds, sessions)) };
        rows.push(row);
        say(
          `${one.name}: bytes a session ${row.begun.map(short).join(', ')}; read once ${row.read.map(short).join(', ')}`,
        );
        keep({ rows } satisfies MemoryData);
      } catch (error) {
        say(`LEFT OUT: ${one.name}: ${reasonOf(error)}`);
      } finally {
        await served?.close();
      }
    }
    return { rows };
  },
  markdown: ({ rows }) => {
    const spread = (values: readonly number[]) => {
      const { median, min, max } = spreadOf(values);
      return values.length === 0 ? '-' : `${median.toFixed(0)} (${min.toFixed(0)}-${max.toFixed(0)})`;
    };
    const cells = rows.flatMap((row) => {
      const one = configurations.find(({ name }) => name === row.configuration);
      return one ? [[one.title, spread(row.begun), spread(row.read), spread(row.store)]] : [];
    });
    const head = ['configuration', 'in process, begun', 'in process, each read once', 'in the store'];
    return `${table([head, ...cells])}

Bytes a session; its data is ${usualBytes.toLocaleString('en')} bytes as JSON, about. What each round's sessions take on top of those before: median (min-max). In process: V8's heap and what it holds outside, after a garbage collection; what a cache takes there has a limit, which these sessions don't reach. The store's figure is what its server says (Redis: used memory; PostgreSQL: size of the database, write-ahead log apart) or what the files take on the disk (lmdb, whose file keeps room that it has freed, and grows in steps).
`;
  },
};
