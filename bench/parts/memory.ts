/** What a session takes: in the server process after a garbage collection, and in the store. */
import { reasonOf } from '../about.js';
import { configurations } from '../configurations/index.js';
import { short, table } from '../markdown.js';
import { chosenConfigurations, type Part, packagesOf } from '../part.js';
import { beginSessions, Visitor } from '../proof.js';
import { Served } from '../served.js';
import { usualBytes } from '../sessions.js';

interface MemoryRow {
  readonly configuration: string;
  readonly sessions: number;
  /** Of the process's heap and buffers, by the number of sessions: after they were begun, and after each was read once. */
  readonly heapBegun: number;
  readonly heapRead: number;
  readonly store?: number;
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

export const memoryPart: Part<MemoryData> = {
  name: 'memory',
  title: 'Memory for a session of about 1 KB',
  defaults: { rounds: 1, seconds: 1, sessions: 5_000 },
  estimate: ({ only, sessions }) => chosenConfigurations(only, usual).length * (3 + sessions * 0.001),
  packages: ({ only }) => packagesOf(chosenConfigurations(only, usual)),
  async run({ only, sessions }, { serverFile, say }) {
    const rows: MemoryRow[] = [];
    for (const one of chosenConfigurations(only, usual)) {
      const served = await Served.start(one, serverFile).catch(
        (error) => void say(`LEFT OUT: ${one.name}: ${reasonOf(error)}`),
      );
      if (!served) continue;
      const visitor = new Visitor(served.port);
      try {
        // First as many requests as make the process as large as it gets by itself: code, connections, pools. They begin
        // sessions too, which is why only what comes on top is counted.
        const first = await beginSessions(visitor, 500);
        for (const cookie of first) await visitor.ask('GET', '/read', cookie);
        const before = await served.weighed();
        const cookies = await beginSessions(visitor, sessions);
        const begun = await served.weighed();
        for (const cookie of cookies) await visitor.ask('GET', '/read', cookie);
        const read = await served.weighed();
        const each = (bytes: number) => bytes / sessions;
        rows.push({
          configuration: one.name,
          sessions,
          heapBegun: each(begun.heapBytes - before.heapBytes),
          heapRead: each(read.heapBytes - before.heapBytes),
          ...(begun.storeBytes !== undefined &&
            before.storeBytes !== undefined && { store: each(begun.storeBytes - before.storeBytes) }),
        });
        say(`${one.name}: done`);
      } catch (error) {
        say(`LEFT OUT: ${one.name}: ${reasonOf(error)}`);
      } finally {
        visitor.close();
        await served.close();
      }
    }
    return { rows };
  },
  markdown: ({ rows }) => {
    const cells = rows.flatMap((row) => {
      const one = configurations.find(({ name }) => name === row.configuration);
      const store = row.store === undefined ? '-' : short(row.store);
      return one ? [[one.title, short(row.heapBegun), short(row.heapRead), store]] : [];
    });
    const head = ['configuration', 'in process, begun', 'in process, each read once', 'in the store'];
    return `${table([head, ...cells])}

Bytes a session; its data is ${usualBytes.toLocaleString('en')} bytes as JSON, about. In process: V8's heap and what it holds outside, after a garbage collection. The store's figure is what its server says (Redis: used memory; PostgreSQL: size of the database, write-ahead log apart) or what the files take on the disk (lmdb, whose file keeps room that it has freed).
`;
  },
};
