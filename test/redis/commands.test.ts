import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeEnding, makeId, makeOwner, makeRecord, makeVersion } from '../../src/stores/conformance/index.js';
import { type RedisStore, redisStore } from '../../src/stores/redis.js';
import { binary, type Connection, ioredis, nodeRedis, servers, withHook } from './kit.js';

describe.runIf(binary).each([
  ['node-redis', nodeRedis],
  ['ioredis', ioredis],
] as const)('one method is one command: %s', (_, connect) => {
  const { all } = servers('standalone');
  const prefix = 'count:';
  let connection: Connection;
  let store: RedisStore;
  let sent = 0;

  beforeAll(async () => {
    connection = await connect(all.map(({ port }) => port));
    const hooked = withHook(connection.client);
    hooked.beforeCommand(() => void sent++);
    store = redisStore({ client: hooked.client, prefix });
  });
  afterAll(() => connection.close());

  /** Counted by the server too: of its commands, those that no script made. */
  async function commandsOf(run: () => Promise<unknown>): Promise<number> {
    const before = sent;
    const calls = async (): Promise<number> => {
      const stats = String(await all[0]?.command('INFO', 'commandstats'));
      return [...stats.matchAll(/cmdstat_(?:evalsha|eval):calls=(\d+)/g)].reduce((sum, [, n]) => sum + Number(n), 0);
    };
    const scripts = await calls();
    await run();
    expect((await calls()) - scripts).toBeLessThanOrEqual(1);
    return sent - before;
  }

  it('read, update, touch and every other method, refused or not', async () => {
    const owner = makeOwner();
    const [id, next, record] = [makeId(owner), makeId(owner), makeRecord({ owner })];
    const later = makeRecord({ owner });
    const methods: Record<string, () => Promise<unknown>> = {
      create: async () => store.create(id, record),
      read: async () => store.read(id),
      'a conflict': async () => store.update(id, makeRecord(), makeVersion()),
      update: async () => store.update(id, later, record.version),
      touch: async () => store.touch(id, record.idleDeadline + 5_000),
      replace: async () => store.replace(id, later.version, next, makeRecord({ owner }), makeEnding()),
      listByOwner: async () => store.listByOwner(owner),
      endByOwner: async () => store.endByOwner(owner, makeEnding()),
      end: async () => store.end(next, makeEnding()),
    };
    // The first call of each script is two: the server does not know it yet.
    for (const run of Object.values(methods)) await run();
    for (const [name, run] of Object.entries(methods)) expect([name, await commandsOf(run)]).toEqual([name, 1]);
  });

  it('a server that has forgotten the scripts is told them again', async () => {
    const [id, record] = [makeId(), makeRecord()];
    await store.create(id, record);
    await all[0]?.command('SCRIPT', 'FLUSH');
    expect(await store.touch(id, record.idleDeadline + 1)).toBe('touched');
    await all[0]?.command('SCRIPT', 'FLUSH');
    expect(await store.update(id, makeRecord(), record.version)).toBe('updated');
  });
});
