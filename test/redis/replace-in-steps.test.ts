/** A replace from one slot of a cluster to another: what stops it between two of its commands leaves nothing wrong. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isEnded, type Owning, type ReplaceResult } from '../../src/core/store.js';
import { makeEnding, makeId, makeOwner, makeOwning, makeRecord } from '../../src/stores/conformance/index.js';
import { observe } from '../../src/stores/conformance/observe.js';
import { scriptNames, sourceOf } from '../../src/stores/redis/scripts.gen.js';
import { type RedisStore, redisStore } from '../../src/stores/redis.js';
import { binary, type Connection, ioredisCluster, nodeRedisCluster, servers, withHook } from './kit.js';

describe.runIf(binary).each([
  ['node-redis', nodeRedisCluster],
  ['ioredis', ioredisCluster],
] as const)('a replace across slots: %s', (_, connect) => {
  const { all } = servers('cluster');
  let connection: Connection;
  let store: RedisStore;
  let hooked: ReturnType<typeof withHook>;

  beforeAll(async () => {
    connection = await connect(all.map(({ port }) => port));
    hooked = withHook(connection.client);
    store = redisStore({ client: hooked.client });
    // A script that a server does not know yet would be a command more.
    for (const server of all) {
      for (const name of scriptNames) await server.command('SCRIPT', 'LOAD', sourceOf(name));
    }
  });
  afterAll(() => connection.close());

  /** An owner with some sessions, and an anonymous session that is about to sign in. */
  async function stage(sessions: number) {
    const owner = makeOwner();
    const [before, record] = [makeRecord(), makeRecord({ owner })];
    const [oldId, id] = [makeId(), makeId(owner)];
    const others = Array.from({ length: sessions }, () => makeId(owner));
    await store.create(oldId, before);
    for (const other of others) await store.create(other, makeRecord({ owner }));
    return { owner, oldId, before, id, record, others, watched: { ids: [oldId, id, ...others], owners: [owner] } };
  }
  type Stage = Awaited<ReturnType<typeof stage>>;

  const evicting = (): Owning => makeOwning({ limit: 2, onExceed: 'evict-oldest' });
  const signIn = async ({ oldId, before, id, record }: Stage, owning?: Owning): Promise<ReplaceResult> =>
    await store.replace(oldId, before.version, id, record, makeEnding('replaced'), owning);

  /** Calls `hook` before command number `at` (from 0) of `run`, outside of the hook; true if there was one. */
  async function before(at: number, hook: () => unknown, run: () => Promise<unknown>): Promise<boolean> {
    let seen = 0;
    hooked.beforeCommand(async () => {
      if (seen++ !== at) return;
      const counted = seen;
      await hook();
      seen = counted;
    });
    try {
      await run();
    } finally {
      hooked.beforeCommand(undefined);
    }
    return seen > at;
  }

  it('takes three commands, and a fourth to evict', async () => {
    let count = 0;
    const first = await stage(0);
    hooked.beforeCommand(() => void count++);
    expect(await signIn(first, makeOwning({ limit: 2 }))).toBe('replaced');
    expect(count).toBe(3);
    hooked.beforeCommand(undefined);
    const scene = await stage(3);
    hooked.beforeCommand(() => void count++);
    expect(await signIn(scene, evicting())).toBe('replaced');
    hooked.beforeCommand(undefined);
    expect(count).toBe(7);
    expect((await store.listByOwner(scene.owner)).map(({ id }) => id)).toEqual([scene.others[2], scene.id]);
  });

  it('a change or an end of the old session, before any command, is answered and costs nobody a session', async () => {
    for (const meanwhile of ['update', 'end'] as const) {
      for (let at = 0; at < 3; at++) {
        const scene = await stage(2);
        const change = async (): Promise<unknown> =>
          meanwhile === 'end'
            ? store.end(scene.oldId, makeEnding('signed-out'))
            : store.update(scene.oldId, makeRecord(), scene.before.version);
        let answer: ReplaceResult | undefined;
        const run = async (): Promise<void> => {
          answer = await signIn(scene, evicting());
        };
        expect(await before(at, change, run)).toBe(true);
        if (meanwhile === 'end') expect(answer).toBe('gone');
        else expect(answer).toHaveProperty('conflict');
        expect(await store.read(scene.id)).toBeUndefined();
        expect((await store.listByOwner(scene.owner)).map(({ id }) => id)).toEqual(scene.others);
      }
    }
  });

  it('a refusal by the owner leaves everything as it was', async () => {
    const scene = await stage(2);
    const state = await observe(store, scene.watched);
    expect(await signIn(scene, makeOwning({ limit: 2 }))).toBe('limit');
    expect(await observe(store, scene.watched)).toEqual(state);
    const barred = await stage(0);
    const ending = makeEnding('revoked');
    await store.endByOwner(barred.owner, ending);
    expect(await signIn(barred, makeOwning({ now: ending.at, startedAt: ending.at }))).toBe('barred');
    expect(await store.read(barred.oldId)).toEqual(barred.before);
  });

  it('a fault before any command, and the same call again: one session, one end, the limit holds', async () => {
    for (let at = 0; at < 4; at++) {
      const scene = await stage(2);
      const fault = (): never => {
        throw new Error('the link broke');
      };
      const run = (): Promise<void> => expect(signIn(scene, evicting())).rejects.toThrow('the link broke');
      expect(await before(at, fault, run)).toBe(true);
      // Until the end is final, the old session is as it was and no new one is there.
      if (at < 3) {
        expect(await store.read(scene.oldId)).toEqual(scene.before);
        expect(await store.read(scene.id)).toBeUndefined();
      }
      expect(await signIn(scene, evicting())).toBe('replaced');
      expect(await store.read(scene.oldId)).toMatchObject({ ended: 'replaced' });
      expect((await store.listByOwner(scene.owner)).map(({ id }) => id)).toEqual([scene.others[1], scene.id]);
    }
  });

  it('two sign-ins at a limit that evicts, one within the other: the limit holds, and the later one stays', async () => {
    for (let at = 2; at < 4; at++) {
      const owning = makeOwning({ limit: 1, onExceed: 'evict-oldest' });
      const scene = await stage(0);
      const [oldId, record] = [makeId(), makeRecord()];
      await store.create(oldId, record);
      const later = {
        ...scene,
        oldId,
        before: record,
        id: makeId(scene.owner),
        record: makeRecord({ owner: scene.owner }),
      };
      const run = async (): Promise<void> => expect(await signIn(scene, owning)).toBe('replaced');
      const hook = async (): Promise<void> => expect(await signIn(later, owning)).toBe('replaced');
      expect(await before(at, hook, run)).toBe(true);
      expect((await store.listByOwner(scene.owner)).map(({ id }) => id)).toEqual([later.id]);
      expect(await store.read(scene.id)).toMatchObject({ ended: 'evicted' });
    }
  });

  it('two sign-ins from one session at the same time: one succeeds, and of the other nothing is left', async () => {
    for (let round = 0; round < 10; round++) {
      const scene = await stage(0);
      const rival = { ...scene, id: makeId(scene.owner), record: makeRecord({ owner: scene.owner }) };
      const answers = await Promise.all([signIn(scene), signIn(rival)]);
      expect(answers.filter((answer) => answer === 'replaced')).toHaveLength(1);
      const left = await Promise.all([store.read(scene.id), store.read(rival.id)]);
      expect(left.map((found) => found !== undefined && !isEnded(found))).toEqual(
        answers.map((answer) => answer === 'replaced'),
      );
    }
  });
});
