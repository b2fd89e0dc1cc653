/** Changes of one owner or one session that meet between two commands: each sees what the other has done. */
import { MongoClient } from 'mongodb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isEnded } from '../../src/core/store.js';
import { makeEnding, makeId, makeOwner, makeOwning, makeRecord } from '../../src/stores/conformance/index.js';
import { mongodbStore } from '../../src/stores/mongodb.js';
import { freshName, mongodb, sharedMongodb } from '../support/mongodb-server.js';
import { type Opened, opener } from './kit.js';

describe.runIf(mongodb)('changes that meet', () => {
  const open = opener();
  let opened: Opened;
  beforeEach(async () => {
    opened = await open();
  });
  afterEach(() => opened.drop());

  /** Runs `meanwhile` on the other handle before the command with this name and number of `run`. */
  async function meeting<Answer>(
    [command, at]: [string, number],
    run: () => Answer | Promise<Answer>,
    meanwhile: () => unknown,
  ): Promise<Answer> {
    let seen = 0;
    let met = false;
    opened.beforeCommand(async (name) => {
      if (name !== command || ++seen !== at) return;
      met = true;
      await meanwhile();
    });
    const answer = await run();
    opened.beforeCommand(undefined);
    expect(met).toBe(true);
    return answer;
  }

  it('two updates of one version: the second is told what the first has stored', async () => {
    const { store, second } = opened;
    const [id, record, theirs, mine] = [makeId(), makeRecord(), makeRecord(), makeRecord()];
    await store.create(id, record);
    const answer = await meeting(
      ['updateOne', 1],
      () => store.update(id, mine, record.version),
      () => second.update(id, theirs, record.version),
    );
    expect(answer).toMatchObject({ conflict: { version: theirs.version } });
  });

  it('an update just before the old session of a sign-in ends: the sign-in is told, and nobody is signed in', async () => {
    const { store, second } = opened;
    const owner = makeOwner();
    const [oldId, id, before, theirs] = [makeId(), makeId(owner), makeRecord(), makeRecord()];
    await store.create(oldId, before);
    // The owner's document is inserted here, so the first update is the one that ends the old session.
    const answer = await meeting(
      ['updateOne', 1],
      () => store.replace(oldId, before.version, id, makeRecord({ owner }), makeEnding('replaced'), makeOwning()),
      () => second.update(oldId, theirs, before.version),
    );
    expect(answer).toMatchObject({ conflict: { version: theirs.version } });
    expect(await second.read(id)).toBeUndefined();
    expect(await second.listByOwner(owner)).toEqual([]);
  });

  it('a revocation just before a sign-in is written down bars it, and leaves nothing of it', async () => {
    const { store, second, raw } = opened;
    const owner = makeOwner();
    await store.create(makeId(owner), makeRecord({ owner }), makeOwning());
    const id = makeId(owner);
    const now = Date.now();
    const answer = await meeting(
      ['updateOne', 1],
      () => store.create(id, makeRecord({ owner }), makeOwning({ now, startedAt: now })),
      () => second.endByOwner(owner, makeEnding('revoked', now)),
    );
    expect(answer).toBe('barred');
    expect(await second.listByOwner(owner)).toEqual([]);
    expect(await raw.findOne({ _id: id as never })).toBeNull();
  });

  it('a sign-in at the limit just before another one is written down: one is let in', async () => {
    const { store, second } = opened;
    const owner = makeOwner();
    await store.create(makeId(owner), makeRecord({ owner }), makeOwning());
    const signIn = (on: typeof store) => on.create(makeId(owner), makeRecord({ owner }), makeOwning({ limit: 2 }));
    const answer = await meeting(
      ['updateOne', 1],
      () => signIn(store),
      () => signIn(second),
    );
    expect(answer).toBe('limit');
    expect(await second.listByOwner(owner)).toHaveLength(2);
  });

  it('a revocation that is finished late, when others have gone on, spares who signed in after it', async () => {
    const { store, second } = opened;
    const owner = makeOwner();
    const [first, later] = [makeId(owner), makeId(owner)];
    await store.create(first, makeRecord({ owner }), makeOwning());
    const at = Date.now();
    const ids = await meeting(
      ['updateMany', 1],
      () => store.endByOwner(owner, makeEnding('revoked', at)),
      async () => {
        const owning = makeOwning({ now: at + 1, startedAt: at + 1 });
        expect(await second.create(later, makeRecord({ owner }), owning)).toBe('created');
      },
    );
    expect(ids).toEqual([first]);
    expect(await second.read(first)).toMatchObject({ ended: 'revoked' });
    expect((await second.listByOwner(owner)).map((entry) => entry.id)).toEqual([later]);
  });

  it('a session that is pending is not there for anybody, and not theirs to change', async () => {
    const { store, second } = opened;
    const owner = makeOwner();
    const [id, record] = [makeId(owner), makeRecord({ owner })];
    await store.create(makeId(owner), makeRecord({ owner }), makeOwning());
    const answer = await meeting(
      ['updateOne', 2],
      () => store.create(id, record, makeOwning()),
      async () => {
        expect(await second.read(id)).toBeUndefined();
        expect(await second.touch(id, record.idleDeadline + 1)).toBe('gone');
        expect(await second.update(id, makeRecord(), record.version)).toBe('gone');
        expect(await second.end(id, makeEnding())).toBe(false);
        expect((await second.listByOwner(owner)).map((entry) => entry.id)).not.toContain(id);
        expect((await second.scan()).entries.map((entry) => entry.id)).not.toContain(id);
      },
    );
    expect(answer).toBe('created');
    const found = await second.read(id);
    expect(found !== undefined && !isEnded(found)).toBe(true);
  });

  it('whatever the URL says, every command goes to the primary and waits for a majority', async () => {
    const url = `${await sharedMongodb()}/?readPreference=secondary&w=1&journal=false&readConcernLevel=available`;
    const client = await new MongoClient(url, { monitorCommands: true }).connect();
    const sent = new Map<string, Record<string, unknown>>();
    client.on('commandStarted', ({ commandName, command }) => sent.set(commandName, command));
    const collection = freshName();
    const store = mongodbStore({ db: client.db('holdfast_test'), collection });
    const owner = makeOwner();
    const id = makeId(owner);
    await store.create(id, makeRecord({ owner }));
    await store.read(id);
    await store.endByOwner(owner, makeEnding());
    await store.sweep(Date.now() + 1e9, 5);
    for (const command of ['insert', 'update', 'delete', 'createIndexes']) {
      expect([command, sent.get(command)?.writeConcern]).toEqual([command, { w: 'majority', j: true }]);
    }
    expect(sent.get('find')?.readConcern).toEqual({ level: 'local' });
    // The driver leaves it out of a command for the primary.
    expect([undefined, { mode: 'primary' }]).toContainEqual(sent.get('find')?.$readPreference);
    await client.db('holdfast_test').dropCollection(collection);
    await client.close();
  });
});
