/**
 * `npm run bench:footprint`: what a session takes, and whether reading one gets slower with their number.
 *
 *   --few, --many <n>   sessions in the two stores that are compared (default 1,000 and 1,000,000)
 *   --payload <bytes>   of the sealed record (default 512)
 *   --only <store>      redis or lmdb (default both)
 *
 * Each store is filled through the store itself: a real Redis server without persistence, a folder on this disk. Bytes
 * are what the server says that it uses, or what the folder takes, over what it was when empty. Reads are of random
 * sessions, one after the other, of the two sizes by turns, so that a busy machine is busy for both.
 */
import { readdirSync, rmSync, statSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createClient } from 'redis';
import type { SessionId } from '../src/core/ids.js';
import type { SessionStore } from '../src/core/store.js';
import { makeId, makeOwner, makeRecord } from '../src/stores/conformance/index.js';
import { lmdbStore } from '../src/stores/lmdb.js';
import { redisStore } from '../src/stores/redis.js';
import { findProgram } from '../test/support/programs.js';
import { startRedis } from '../test/support/redis-server.js';
import { busyLine, machine } from './about.js';
import { spreadOf } from './statistics.js';

const { values: given } = parseArgs({
  options: {
    few: { type: 'string', default: '1000' },
    many: { type: 'string', default: '1000000' },
    payload: { type: 'string', default: '512' },
    only: { type: 'string' },
  },
});
const payload = Number(given.payload);
const sizes = [Number(given.few), Number(given.many)];
const kinds = ['anonymous', 'signed in, one session each'] as const;
type Kind = (typeof kinds)[number];

const atOnce = 500;
const rounds = 21;
const readsInARound = 500;
/** As many ids are kept of each store, to be read. */
const sample = 20_000;

interface Opened {
  readonly store: SessionStore;
  used(): Promise<number>;
  close(): Promise<void>;
}

interface Filled {
  readonly size: number;
  readonly ids: readonly SessionId[];
  readonly one: Opened;
  readonly bytes: number;
  readonly times: number[];
}

async function openRedis(): Promise<Opened> {
  const binary = findProgram('redis-server');
  if (binary === undefined) throw new Error('redis-server was not found; npm run services installs it.');
  const server = await startRedis(binary);
  const client = createClient({ socket: { host: '127.0.0.1', port: server.port } });
  await client.connect();
  return {
    store: redisStore({ client }),
    used: async () => Number(/used_memory:(\d+)/.exec(String(await server.command('INFO', 'memory')))?.[1]),
    async close() {
      client.destroy();
      await server.stop();
    },
  };
}

async function openLmdb(): Promise<Opened> {
  const path = await mkdtemp(join(tmpdir(), 'holdfast-footprint-'));
  const store = lmdbStore({ path, maxBytes: 8 * 2 ** 30 });
  return {
    store,
    used: async () => readdirSync(path).reduce((sum, name) => sum + statSync(join(path, name)).blocks * 512, 0),
    async close() {
      await store.close?.();
      rmSync(path, { recursive: true, force: true });
    },
  };
}

/** Creates so many sessions, and answers some of their ids. */
async function fill(store: SessionStore, count: number, kind: Kind): Promise<SessionId[]> {
  const ids: SessionId[] = [];
  let begun = 0;
  const every = Math.max(1, Math.floor(count / sample));
  const create = async (): Promise<void> => {
    for (let index = begun++; index < count; index = begun++) {
      const owner = kind === 'anonymous' ? undefined : makeOwner();
      const id = makeId(owner);
      // An hour and more, so that none expires meanwhile, each at its own time.
      const idleDeadline = Date.now() + 3 * 3_600_000 + index;
      const record = makeRecord({ bytes: crypto.getRandomValues(new Uint8Array(payload)), idleDeadline });
      await store.create(id, owner === undefined ? record : { ...record, owner });
      if (index % every === 0) ids.push(id);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, create));
  return ids;
}

/** Microseconds for a read, the median of a round. */
async function timeReads(store: SessionStore, ids: readonly SessionId[]): Promise<number> {
  const times: number[] = [];
  for (let read = 0; read < readsInARound; read++) {
    const id = ids[Math.floor(Math.random() * ids.length)];
    const begun = process.hrtime.bigint();
    if (id === undefined || !(await store.read(id))) throw new Error('a session that was created is not there');
    times.push(Number(process.hrtime.bigint() - begun) / 1_000);
  }
  return spreadOf(times).median;
}

const goal = Math.round(1.25 * payload + 150);
const wide = (text: string | number, width: number): string => String(text).padStart(width);

async function measure(name: string, open: () => Promise<Opened>, kind: Kind): Promise<void> {
  const opened: Opened[] = [];
  try {
    const filled: Filled[] = [];
    for (const size of sizes) {
      const one = await open();
      opened.push(one);
      const before = await one.used();
      const ids = await fill(one.store, size, kind);
      filled.push({ size, ids, one, bytes: ((await one.used()) - before) / size, times: [] });
    }
    for (let round = 0; round < rounds; round++) {
      for (const { one, ids, times } of filled) times.push(await timeReads(one.store, ids));
    }
    const ratios = (filled[1]?.times ?? []).map((time, round) => time / (filled[0]?.times[round] ?? Number.NaN));
    for (const { size, bytes, times } of filled) {
      const { median, min } = spreadOf(times);
      const cells = [wide(size, 9), wide(Math.round(bytes), 15), wide(median.toFixed(1), 10), wide(min.toFixed(1), 8)];
      console.log(`| ${name.padEnd(5)} | ${kind.padEnd(27)} | ${cells.join(' | ')} |`);
    }
    console.log(
      `  read latency, many to few: ${spreadOf(ratios).median.toFixed(2)} (median of ${rounds} rounds; goal 1.20)\n`,
    );
  } finally {
    for (const one of opened) await one.close();
  }
}

console.log(machine());
console.log(busyLine(loadavg()[0] ?? 0));
console.log(`Sealed record: ${payload} bytes. Goal: 1.25 x that + 150 = ${goal} bytes a session.\n`);
console.log('| store | sessions                    |    number | bytes a session | read p50 µs | best µs |');
for (const kind of kinds) {
  if (given.only !== 'lmdb') await measure('redis', openRedis, kind);
  if (given.only !== 'redis') await measure('lmdb', openLmdb, kind);
}
