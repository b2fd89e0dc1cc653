/** A real server that is killed, stopped, started empty, and cut off: with the driver's settings that the page advises. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { makeEnding, makeId, makeOwner, makeOwning, makeRecord } from '../../src/stores/conformance/index.js';
import { type MongodbStore, mongodbStore } from '../../src/stores/mongodb.js';
import { faults } from '../chaos/faults.js';
import { startApp, type TestApp } from '../support/app.js';
import type { Answer, Client } from '../support/client.js';
import {
  advised,
  type Connected,
  connect,
  freshName,
  type MongodbServer,
  mongodb,
  startMongodb,
} from '../support/mongodb-server.js';
import { bearing, everyVerb, type Me, signedIn, tokenOf } from '../support/routes.js';
import { TcpProxy } from '../support/tcp-proxy.js';

const ownServer = mongodb !== undefined && !process.env.MONGODB_URL;

describe.runIf(ownServer)('an app whose MongoDB fails', () => {
  let server: MongodbServer;
  let link: TcpProxy;
  let connection: Connected;
  let app: TestApp;
  let patient: TestApp;
  let client: Client;

  beforeEach(async () => {
    server = await startMongodb();
    link = await TcpProxy.to(server.port);
    connection = await connect(`mongodb://127.0.0.1:${link.port}`, {
      ...advised,
      heartbeatFrequencyMS: 500,
      minHeartbeatFrequencyMS: 100,
    } as object);
    const store = mongodbStore({ db: connection.db, collection: freshName() });
    app = await startApp(everyVerb, { store, storeDeadline: '1s' });
    // What is there before anything fails has all the time that a busy machine takes.
    patient = await startApp(everyVerb, { store });
    const before = await signedIn(patient, 'ada');
    expect((await before.post('/put', { body: { kept: 1 } })).status).toBe(200);
    client = bearing(app, tokenOf(before));
  });
  afterEach(async () => {
    client.close();
    await app.close();
    await patient.close();
    await connection.close();
    await link.close();
    await server.stop();
  });

  function expectOneClearError(answer: Answer): void {
    expect(answer.status).toBe(503);
    expect(answer.json<{ code: string }>().code).toBe('ERR_SESSION_STORE_UNAVAILABLE');
    expect(answer.setCookies).toEqual([]);
  }

  /** Asks until the store answers again; a test that waits for ever runs into its own limit. */
  async function recovered(): Promise<Me> {
    for (;;) {
      const answer = await client.get('/me');
      if (answer.status === 200) return answer.json<Me>();
      expectOneClearError(answer);
    }
  }

  it('killed with -9: one clear error while it is away, public pages live, and it recovers by itself when a server is there again', async () => {
    await server.kill();
    for (const [method, path] of [
      ['GET', '/me'],
      ['POST', '/put'],
      ['POST', '/signOut'],
    ] as const) {
      expectOneClearError(await client.send(method, path, { body: { lost: 1 } }));
    }
    expect((await client.get('/public')).status).toBe(200);
    await server.restart();
    // Started empty: nobody is signed in, and nothing of before is made up.
    expect((await recovered()).owner).toBeUndefined();
    client = app.client();
    await expect.poll(async () => (await client.post('/sign-in/grace', { body: {} })).status).toBe(200);
    expect((await recovered()).owner).toBe('grace');
  });

  // The server comes back empty after a kill, so that has a test of its own.
  it.each(faults.filter(({ name }) => !name.includes('killed')).map((fault) => [fault.name, fault] as const))(
    'when %s: the same errors meanwhile, and everything is as it was when it is over',
    async (_, fault) => {
      await fault.strike({ server, link } as never);
      for (let round = 0; round < 2; round++) {
        expectOneClearError(await client.post('/put', { body: { lost: round } }));
        expectOneClearError(await client.get('/me'));
        expectOneClearError(await client.post('/signOut'));
        expect((await client.get('/public')).status).toBe(200);
      }
      await fault.heal({ server, link } as never);
      // No change got past the lookup that comes first.
      expect(await recovered()).toMatchObject({ owner: 'ada', data: { kept: 1 } });
    },
  );
});

describe.runIf(ownServer)('a link that loses replies', () => {
  let server: MongodbServer;
  let link: TcpProxy;
  let direct: Connected;
  let through: Connected;
  let store: MongodbStore;
  let second: MongodbStore;

  beforeAll(async () => {
    server = await startMongodb();
    link = await TcpProxy.to(server.port);
    direct = await connect(server.url);
    through = await connect(`mongodb://127.0.0.1:${link.port}`, advised);
    const collection = freshName();
    store = mongodbStore({ db: through.db, collection });
    second = mongodbStore({ db: direct.db, collection });
    await second.ready();
    await store.ready();
  });
  afterAll(async () => {
    await through.close();
    await direct.close();
    await link.close();
    await server.stop();
  });

  it('every change whose reply is lost is stored once, and sent again answers as the first would have', async () => {
    const owner = makeOwner();
    const [id, anonymous, next] = [makeId(owner), makeId(), makeId()];
    const [record, other, later, successor] = [makeRecord({ owner }), makeRecord(), makeRecord(), makeRecord()];
    const ending = makeEnding('replaced');
    const calls: [name: string, call: (store: MongodbStore) => unknown, answer: unknown][] = [
      ['create', (on) => on.create(anonymous, other), 'created'],
      ['sign-in', (on) => on.create(id, record, makeOwning({ limit: 2 })), 'created'],
      ['update', (on) => on.update(anonymous, later, other.version), 'updated'],
      ['touch', (on) => on.touch(anonymous, later.idleDeadline + 1_000), 'touched'],
      ['replace', (on) => on.replace(anonymous, later.version, next, successor, ending), 'replaced'],
      ['end', (on) => on.end(next, makeEnding('signed-out')), true],
    ];
    for (const [name, call, answer] of calls) {
      // Its first write: of a sign-in, that of the pending session or of the owner's document.
      const lost = link.loseReplyTo((sent) => /insert|update/.test(sent.toString('latin1')));
      const first = Promise.resolve(call(store)).then(
        (value) => value,
        () => 'lost',
      );
      await lost;
      expect([name, 'lost', answer]).toContain(await first);
      expect([name, await call(second)]).toEqual([name, answer]);
    }
    expect(await second.read(anonymous)).toMatchObject({ ended: 'replaced' });
    expect(await second.read(next)).toMatchObject({ ended: 'signed-out' });
    expect((await second.listByOwner(owner)).map((entry) => entry.id)).toEqual([id]);
  });

  it('a change that a stopped server takes up later, when its caller has long given up, is stored once', async () => {
    const [id, record, later] = [makeId(), makeRecord(), makeRecord()];
    await store.create(id, record);
    server.pause();
    await expect(Promise.resolve(store.update(id, later, record.version))).rejects.toThrow();
    server.resume();
    expect(await second.update(id, later, record.version)).toBe('updated');
    const newest = makeRecord({ idleDeadline: later.idleDeadline + 5 });
    expect(await second.update(id, newest, later.version)).toBe('updated');
    expect(await second.read(id)).toEqual(newest);
  });

  it('cut between two calls, it is connected again by the next ones', async () => {
    const id = makeId();
    const record = makeRecord();
    await store.create(id, record);
    link.cut();
    link.heal();
    for (;;) {
      const found = await store.read(id).catch(() => undefined);
      if (found === undefined) continue;
      expect(found).toEqual(record);
      break;
    }
  });
});
