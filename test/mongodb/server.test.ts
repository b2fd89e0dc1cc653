/**
 * What the store takes for granted of a server, asked of the one that the tests run against: a read answers the document
 * of one moment. Without it a store reads the version of a change without its bytes, and writes over that change.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Connected, connect, freshName, mongodb, sharedMongodb } from '../support/mongodb-server.js';

interface Wide {
  readonly _id: string;
  readonly first: number;
  readonly last: number;
}

const writes = 300;
/** Between the two fields that are written together, so that a server that reads them one by one takes its time. */
const between = Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`between${n}`, n]));

describe.runIf(mongodb)('the server that these tests run against', () => {
  let writer: Connected;
  let reader: Connected;
  beforeAll(async () => {
    const url = await sharedMongodb();
    [writer, reader] = [await connect(url), await connect(url)];
  });
  afterAll(() => Promise.all([writer.close(), reader.close()]));

  it(`shows none of ${writes} updates half made`, async () => {
    const collection = freshName();
    const into = writer.db.collection<Wide>(collection);
    const from = reader.db.collection<Wide>(collection);
    await into.insertOne({ _id: 'one', first: 0, ...between, last: 0 });
    let isDone = false;
    const write = async (): Promise<void> => {
      for (let n = 1; n <= writes; n++) await into.updateOne({ _id: 'one' }, { $set: { first: n, last: n } });
      isDone = true;
    };
    const halves: object[] = [];
    const read = async (): Promise<void> => {
      while (!isDone) {
        const found = await from.findOne({ _id: 'one' });
        if (found?.first !== found?.last) halves.push({ first: found?.first, last: found?.last });
      }
    };
    await Promise.all([write(), read(), read(), read(), read()]);
    expect(halves).toEqual([]);
    await writer.db.dropCollection(collection);
  });
});
