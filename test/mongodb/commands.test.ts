import { BSON } from 'mongodb';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  makeEnding,
  makeId,
  makeOwner,
  makeOwning,
  makeRecord,
  makeVersion,
} from '../../src/stores/conformance/index.js';
import { mongodb } from '../support/mongodb-server.js';
import { type Opened, opener } from './kit.js';

describe.runIf(mongodb)('what a method sends', () => {
  const open = opener();
  let opened: Opened;
  beforeAll(async () => {
    opened = await open();
  });

  async function commandsOf(run: () => Promise<unknown> | unknown): Promise<string[]> {
    const sent: string[] = [];
    opened.beforeCommand((command) => sent.push(command));
    await run();
    opened.beforeCommand(undefined);
    return sent;
  }

  it('an anonymous session: one command each; two to say what stood in the way, four to replace', async () => {
    const { store } = opened;
    const [id, next, record, later] = [makeId(), makeId(), makeRecord(), makeRecord()];
    expect(await commandsOf(() => store.create(id, record))).toEqual(['insertOne']);
    expect(await commandsOf(() => store.read(id))).toEqual(['findOne']);
    expect(await commandsOf(() => store.touch(id, record.idleDeadline + 1))).toEqual(['updateOne']);
    expect(await commandsOf(() => store.update(id, later, record.version))).toEqual(['updateOne']);
    expect(await commandsOf(() => store.update(id, makeRecord(), makeVersion()))).toEqual(['updateOne', 'findOne']);
    expect(await commandsOf(() => store.replace(id, later.version, next, makeRecord(), makeEnding()))).toEqual([
      ...['findOne', 'insertOne', 'updateOne', 'updateOne'],
    ]);
    expect(await commandsOf(() => store.end(next, makeEnding()))).toEqual(['updateOne']);
    expect(await commandsOf(() => store.end(next, makeEnding()))).toEqual(['updateOne', 'findOne']);
  });

  it('a sign-in: five at first, then one more, and one each for a limit, an eviction, an old session', async () => {
    const { store } = opened;
    const owner = makeOwner();
    const signIn = (owning = makeOwning()): Promise<string[]> =>
      commandsOf(() => store.create(makeId(owner), makeRecord({ owner }), owning));
    expect(await signIn()).toEqual(['findOne', 'find', 'insertOne', 'insertOne', 'updateOne']);
    expect(await signIn()).toEqual(['findOne', 'findOne', 'insertOne', 'updateOne', 'updateOne']);
    expect(await signIn(makeOwning({ limit: 9 }))).toHaveLength(6);
    expect(await signIn(makeOwning({ limit: 3, onExceed: 'evict-oldest' }))).toHaveLength(7);
    const [id, record] = [makeId(), makeRecord()];
    await store.create(id, record);
    const replace = () =>
      store.replace(id, record.version, makeId(owner), makeRecord({ owner }), makeEnding(), makeOwning());
    expect(await commandsOf(replace)).toHaveLength(7);
    expect(await commandsOf(() => store.listByOwner(owner))).toEqual(['find']);
    expect(await commandsOf(() => store.endByOwner(owner, makeEnding()))).toEqual([
      ...['findOne', 'findOne', 'find', 'updateOne', 'updateMany'],
    ]);
  });

  it('a session takes its payload and as many bytes more as the page says', async () => {
    const { store, raw } = opened;
    const owner = makeOwner();
    const [anonymous, owned] = [makeId(), makeId(owner)];
    const bytes = new Uint8Array(1024);
    await store.create(anonymous, makeRecord({ bytes }));
    await store.create(owned, makeRecord({ bytes, owner }), makeOwning());
    const sizeOf = async (_id: string): Promise<number> =>
      BSON.calculateObjectSize((await raw.findOne({ _id: _id as never })) ?? {});
    expect(await sizeOf(anonymous)).toBe(1024 + 137);
    const ownerSize = await sizeOf(`owner:${owner}`);
    await store.end(anonymous, makeEnding('signed-out'));
    expect([await sizeOf(owned), ownerSize, await sizeOf(anonymous)]).toEqual([1024 + 188, 263, 110]);
  });
});
