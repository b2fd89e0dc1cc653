/**
 * `npm run bench:fan-out`: what the notices of a change cost a Redis server, by how many instances have the session in
 * memory. Counts, not times: bytes out for each update, and bytes of the server's memory for each tracked session.
 */
import { createClient } from 'redis';
import type { SessionStore, Watchable } from '../src/core/store.js';
import { makeId, makeRecord } from '../src/stores/conformance/index.js';
import { redisStore } from '../src/stores/redis.js';
import { findProgram } from '../test/support/programs.js';
import { startRedis } from '../test/support/redis-server.js';

const sessions = 1_000;

async function measure(binary: string, instances: number) {
  const server = await startRedis(binary);
  const client = createClient({ socket: { host: '127.0.0.1', port: server.port } });
  await client.connect();
  const store = redisStore({ client }) as SessionStore & Watchable;
  const info = async (name: string) =>
    Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(String(await server.command('INFO', 'all')))?.[1]);
  const ids = Array.from({ length: sessions }, () => makeId());
  const records = ids.map(() => makeRecord());
  for (const [index, id] of ids.entries()) await store.create(id, records[index] ?? makeRecord());
  let notices = 0;
  const heard = (id: string): void => void (id !== 'all' && notices++);
  const watches = await Promise.all(Array.from({ length: instances }, () => store.watch(heard)));
  const memoryBefore = await info('used_memory');
  for (const watch of watches) for (const id of ids) await watch.read(id);
  const memory = (await info('used_memory')) - memoryBefore;
  const outBefore = await info('total_net_output_bytes');
  for (const [index, id] of ids.entries()) {
    await store.update(id, makeRecord(), (records[index] ?? makeRecord()).version);
  }
  for (const watch of watches) await watch.heartbeat();
  const out = (await info('total_net_output_bytes')) - outBefore;
  for (const watch of watches) await watch.close();
  client.destroy();
  await server.stop();
  return {
    instances,
    notices: notices / sessions,
    out: Math.round(out / sessions),
    memory: Math.round(memory / sessions),
  };
}

async function main(): Promise<void> {
  const binary = findProgram('redis-server');
  if (!binary) throw new Error('redis-server was not found; npm run services installs it.');
  console.log(
    '| instances that hold the session | notices per update | bytes out per update | server memory per tracked session |',
  );
  console.log('|---|---|---|---|');
  for (const instances of [0, 1, 4, 16]) {
    const row = await measure(binary, instances);
    console.log(`| ${row.instances} | ${row.notices} | ${row.out} | ${row.memory} |`);
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
