/** Changes by anybody are pushed to whoever watches. */
import assert from 'node:assert/strict';
import type { SessionId, Version } from '../../core/ids.js';
import type { SessionStore, Watch } from '../../core/store.js';
import { hourMs, makeEnding, makeId, makeOwner, makeOwning, makeRecord, makeVersion } from './fixtures.js';
import { assertSame, created, law, needsOwners, needsWatch, owned, watchable } from './law.js';

interface Listening {
  readonly watch: Watch;
  /** What was heard since the last call, once all that was sent has arrived. */
  heard(): Promise<Set<SessionId | 'all'>>;
}

async function listen(store: SessionStore): Promise<Listening> {
  let heard = new Set<SessionId | 'all'>();
  const watch = await watchable(store).watch((id) => heard.add(id));
  return {
    watch,
    async heard() {
      await watch.heartbeat();
      const all = heard;
      heard = new Set();
      return all;
    },
  };
}

const tells = (heard: Set<SessionId | 'all'>, id: SessionId): boolean => heard.has(id) || heard.has('all');

export const watching = [
  law(
    'an update, an end and a replace by another handle are heard before the next heartbeat is answered',
    async ({ store, second }) => {
      const [updated, ended, replaced] = [makeId(), makeId(), makeId()];
      const { version } = await created(store, updated);
      await created(store, ended);
      const old = await created(store, replaced);
      const { watch, heard } = await listen(store);
      for (const id of [updated, ended, replaced]) await watch.read(id);
      await heard();
      await second.update(updated, makeRecord(), version);
      assert(tells(await heard(), updated), 'an update');
      await second.end(ended, makeEnding());
      assert(tells(await heard(), ended), 'an end');
      await second.replace(replaced, old.version, makeId(), makeRecord(), makeEnding());
      assert(tells(await heard(), replaced), 'a replace');
      await watch.close();
    },
    needsWatch,
  ),

  law(
    'sessions that end by their owner or by a limit are heard',
    async ({ store, second }) => {
      const owner = makeOwner();
      const [evicted, revoked] = [makeId(owner), makeId(owner)];
      await created(store, evicted, { owner });
      const { watch, heard } = await listen(store);
      for (const id of [evicted, revoked]) await watch.read(id);
      await second.create(revoked, makeRecord({ owner }), makeOwning({ limit: 1, onExceed: 'evict-oldest' }));
      assert(tells(await heard(), evicted), 'an eviction');
      await watch.read(revoked);
      await owned(second).endByOwner(owner, makeEnding('revoked'));
      assert(tells(await heard(), revoked), 'endByOwner');
      await watch.close();
    },
    needsWatch,
    needsOwners,
  ),

  law(
    'a change that was refused, and a read, are not heard',
    async ({ store, second }) => {
      const id = makeId();
      await created(store, id);
      const { watch, heard } = await listen(store);
      await watch.read(id);
      await heard();
      await second.update(id, makeRecord(), makeRecord().version);
      await second.create(id, makeRecord());
      await second.replace(id, makeRecord().version, makeId(), makeRecord(), makeEnding());
      await second.read(id);
      assertSame([...(await heard())], []);
      await watch.close();
    },
    needsWatch,
  ),

  law(
    'a change is heard once more after each read through the watch, and a touch in between hides none',
    async ({ store, second }) => {
      const id = makeId();
      const first = await created(store, id);
      let { version } = first;
      const { watch, heard } = await listen(store);
      for (let round = 0; round < 5; round++) {
        assertSame((await watch.read(id)) ?? {}, (await store.read(id)) ?? {});
        await heard();
        if (round % 2) await second.touch(id, first.idleDeadline + round * hourMs);
        const next = makeRecord();
        assertSame(await second.update(id, next, version), 'updated');
        version = next.version;
        assert(tells(await heard(), id), `update ${round}`);
      }
      await watch.read(id);
      await second.end(id, makeEnding());
      assert(tells(await heard(), id), 'the end');
      await watch.close();
    },
    needsWatch,
  ),

  law(
    'an answer that a change has overtaken is never unheard of',
    async ({ store, second }) => {
      const ids = Array.from({ length: 100 }, () => makeId());
      const versions = new Map<SessionId, Version>();
      for (const id of ids) versions.set(id, (await created(store, id)).version);
      const { watch, heard } = await listen(store);
      const stale = await Promise.all(
        ids.map(async (id) => {
          const version = versions.get(id) ?? makeVersion();
          const [found] = await Promise.all([watch.read(id), second.update(id, makeRecord(), version)]);
          return found !== undefined && 'version' in found && found.version === version;
        }),
      );
      const told = await heard();
      for (const [index, id] of ids.entries()) assert(!stale[index] || tells(told, id), 'overtaken unheard');
      await watch.close();
    },
    needsWatch,
  ),

  law(
    'the watch reads what the store reads, and is silent once it is closed',
    async ({ store, second }) => {
      const id = makeId();
      const record = await created(store, id);
      const { watch } = await listen(store);
      let late = 0;
      const closed = await watchable(store).watch(() => late++);
      assertSame(await watch.read(id), record);
      assertSame(await watch.read(makeId()), undefined);
      await closed.close();
      await closed.close();
      await second.end(id, makeEnding());
      await watch.heartbeat();
      assert('ended' in ((await watch.read(id)) ?? {}));
      assert.equal(late, 0);
      await watch.close();
    },
    needsWatch,
  ),
];
