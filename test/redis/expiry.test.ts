import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OwnerHash } from '../../src/core/ids.js';
import { makeEnding, makeId, makeOwner, makeOwning, makeRecord } from '../../src/stores/conformance/index.js';
import { type RedisStore, redisStore } from '../../src/stores/redis.js';
import { binary, type Connection, nodeRedis, servers } from './kit.js';

const hourMs = 3_600_000;

describe.runIf(binary)('what Redis removes by itself', () => {
  const { all } = servers('standalone');
  const prefix = 'expiry:';
  let connection: Connection;
  let store: RedisStore;

  beforeAll(async () => {
    connection = await nodeRedis(all.map(({ port }) => port));
    store = redisStore({ client: connection.client, prefix });
  });
  afterAll(() => connection.close());

  const command = async (...args: string[]): Promise<unknown> => await all[0]?.command(...args);
  const keyOf = (kind: string, name: string): string => `${prefix}{${name.slice(0, 5)}}:${kind}:${name}`;
  // PEXPIRETIME is of Redis 7. Before it, the server's two looks at its clock must fall into one millisecond.
  const moment = `local moment = redis.pcall('PEXPIRETIME', KEYS[1])
    if type(moment) == 'number' then return moment end
    local function now() local time = redis.call('TIME'); return time[1] * 1000 + math.floor(time[2] / 1000) end
    local before, left
    repeat before = now(); left = redis.call('PTTL', KEYS[1]) until now() == before
    return before + left`;
  const expiresAt = async (key: string): Promise<number> => Number(await command('EVAL', moment, '1', key));
  const indexed = async (owner: OwnerHash): Promise<number> => Number(await command('ZCARD', keyOf('o', owner)));

  it('every key has its moment, never before the deadline of what it holds', async () => {
    const owner = makeOwner();
    const [id, ended, next, anonymous] = [makeId(owner), makeId(owner), makeId(owner), makeId()];
    const record = makeRecord({ owner });
    const lonely = makeRecord();
    await store.create(id, record, makeOwning({ limit: 5 }));
    await store.create(ended, makeRecord({ owner }));
    await store.create(anonymous, lonely);
    const ending = makeEnding();
    await store.end(ended, ending);
    await store.replace(anonymous, lonely.version, next, makeRecord({ owner }), ending);
    await store.touch(id, record.idleDeadline + 3 * hourMs);
    expect(await expiresAt(keyOf('s', id))).toBe(record.idleDeadline + 3 * hourMs + 60_000);
    expect(await expiresAt(keyOf('s', ended))).toBe(ending.keepUntil + 60_000);
    await store.endByOwner(owner, ending, { except: id });
    expect(await expiresAt(keyOf('m', owner))).toBe(ending.keepUntil + 60_000);
    for (const key of (await command('KEYS', '*')) as string[])
      expect(await expiresAt(key)).toBeGreaterThan(Date.now());
  });

  it('an index outlives every session in it, also after a touch and an update', async () => {
    const owner = makeOwner();
    const [id, record] = [makeId(owner), makeRecord({ owner })];
    await store.create(id, record);
    const lasts = async (deadline: number): Promise<void> =>
      expect(await expiresAt(keyOf('o', owner))).toBeGreaterThan(deadline + 60_000);
    await lasts(record.idleDeadline);
    await store.touch(id, record.idleDeadline + hourMs);
    await lasts(record.idleDeadline + hourMs);
    await store.update(id, makeRecord({ idleDeadline: record.idleDeadline + 2 * hourMs }), record.version);
    await lasts(record.idleDeadline + 2 * hourMs);
    await store.create(makeId(owner), makeRecord({ owner }));
    await lasts(record.idleDeadline + 2 * hourMs);
  });

  it('an index outlives a session whose deadline creeps on by seconds', async () => {
    const owner = makeOwner();
    const [id, first] = [makeId(owner), makeRecord({ owner })];
    await store.create(id, first);
    let { version, idleDeadline } = first;
    // Uneven steps, so that deadlines fall everywhere in a minute.
    for (let step = 1; step <= 60; step++) {
      idleDeadline += 997 * (1 + (step % 13));
      const next = makeRecord({ idleDeadline });
      if (step % 3 === 0) expect(await store.touch(id, idleDeadline)).toBe('touched');
      else expect(await store.update(id, next, version)).toBe('updated');
      if (step % 3 !== 0) version = next.version;
      expect(await expiresAt(keyOf('o', owner))).toBeGreaterThan(await expiresAt(keyOf('s', id)));
    }
  });

  it('a write within the same minute asks nothing of the index', async () => {
    const owner = makeOwner();
    const minute = 60_000 * Math.ceil(Date.now() / 60_000) + hourMs;
    const [id, record] = [makeId(owner), makeRecord({ owner, idleDeadline: minute + 1 })];
    await store.create(id, record);
    await command('CONFIG', 'RESETSTAT');
    await store.update(id, makeRecord({ idleDeadline: minute + 60_000 }), record.version);
    const stats = String(await command('INFO', 'commandstats'));
    expect([...stats.matchAll(/cmdstat_(\w+):calls=(\d+)/g)].map(([, name, calls]) => `${name} ${calls}`)).toEqual(
      expect.arrayContaining(['evalsha 1', 'getrange 1', 'set 1']),
    );
    expect(stats).not.toMatch(/cmdstat_(?:pttl|pexpireat|time|get):/);
  });

  it('a session that has expired leaves the list, the limit and the index', async () => {
    const owner = makeOwner();
    const [gone, kept] = [makeId(owner), makeId(owner)];
    await store.create(gone, makeRecord({ owner }));
    await store.create(kept, makeRecord({ owner }));
    // As the server does at the deadline.
    await command('PEXPIREAT', keyOf('s', gone), '1');
    expect(await store.create(makeId(owner), makeRecord({ owner }), makeOwning({ limit: 2 }))).toBe('created');
    expect(await store.create(makeId(owner), makeRecord({ owner }), makeOwning({ limit: 2 }))).toBe('limit');
    expect((await store.listByOwner(owner)).map(({ id }) => id)).toContain(kept);
    expect(await indexed(owner)).toBe(2);
  });

  it('an index that nobody lists does not grow with sessions that have expired', async () => {
    const owner = makeOwner();
    for (let index = 0; index < 200; index++) {
      const id = makeId(owner);
      await store.create(id, makeRecord({ owner }));
      await command('DEL', keyOf('s', id));
    }
    expect(await indexed(owner)).toBeLessThan(50);
  });

  it('a touch leaves a large value whole', async () => {
    const [id, record] = [makeId(), makeRecord({ bytes: new Uint8Array(50_000) })];
    await store.create(id, record);
    await store.touch(id, record.idleDeadline + 1);
    expect(await store.read(id)).toEqual({ ...record, idleDeadline: record.idleDeadline + 1 });
    expect(Number(await command('STRLEN', keyOf('s', id)))).toBe(50_020);
  });
});
