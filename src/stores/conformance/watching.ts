/** Changes by anybody are pushed to whoever watches. */
import assert from 'node:assert/strict';
import type { SessionId } from '../../core/ids.js';
import type { SessionStore, Watch } from '../../core/store.js';
import { hourMs, makeEnding, makeId, makeOwner, makeOwning, makeRecord } from './fixtures.js';
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
    'a touch, and a change that was refused, are not heard',
    async ({ store, second }) => {
      const id = makeId();
      const { idleDeadline } = await created(store, id);
      const { watch, heard } = await listen(store);
      await watch.read(id);
      await heard();
      await second.touch(id, idleDeadline + hourMs);
      await second.update(id, makeRecord(), makeRecord().version);
      assertSame([...(await heard())], []);
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
