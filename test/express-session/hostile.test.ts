/** A stolen dump, records that somebody else wrote, and stores that fail, beneath express-session. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SessionData } from 'express-session';
import { createClient } from 'redis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StoredRecord } from '../../src/core/store.js';
import { HoldfastStore } from '../../src/express-session/index.js';
import { redisStore } from '../../src/stores/redis.js';
import { testSecret } from '../support/app.js';
import { deferred } from '../support/deferred.js';
import {
  type AnySession,
  type ExpressSessionApp,
  type Held,
  holdfastStore,
  startExpressSession,
} from '../support/express-session-app.js';
import { needs } from '../support/needs.js';
import { startRedis } from '../support/redis-server.js';
import { spyOn } from '../support/spy-store.js';
import { type OpenStore, storeKinds } from '../support/stores.js';

describe.each(storeKinds)('what lies in $name', (kind) => {
  let opened: OpenStore;
  let app: ExpressSessionApp;
  let held: Held;
  beforeEach(async () => {
    opened = await kind.open();
    held = holdfastStore(opened.store, { owner: (session: SessionData) => (session as AnySession).userId });
    app = await startExpressSession(held.store);
  });
  afterEach(async () => {
    await app.close();
    await opened.remove();
  });

  /** Every id and every byte that the store keeps. */
  const dump = async (): Promise<string> => {
    const { entries } = await opened.store.scan();
    const texts = entries.flatMap(({ id, record }) => [
      id,
      record.owner ?? '',
      Buffer.from(record.bytes).toString('latin1'),
    ]);
    const files = opened.folder
      ? readdirSync(opened.folder).map((name) => readFileSync(join(opened.folder ?? '', name), 'latin1'))
      : [];
    return [...texts, ...files].join('\n');
  };

  it('dumped, has no cookie, no data and no name of a person in it', async () => {
    const client = app.client();
    await client.post('/sign-in/Q7-Ada-Lovelace');
    await client.post('/put', { body: { note: 'Q8-something-private' } });
    const sid = /s%3A([^.]+)/.exec(client.cookie)?.[1] ?? 'no cookie';
    expect((await client.get('/me')).json()).toMatchObject({ userId: 'Q7-Ada-Lovelace' });
    const text = await dump();
    expect(text.length).toBeGreaterThan(200);
    // Each long enough that no id has it by chance.
    for (const secret of ['Q7-Ada', 'Lovelace', 'Q8-something', 'private', sid.slice(0, 12)])
      expect(text).not.toContain(secret);
  });

  it('written by somebody else, or moved, is nobody’s session, with an event', async () => {
    const [ada, bob] = [app.client(), app.client()];
    await ada.post('/sign-in/ada');
    await bob.post('/sign-in/bob');
    const { entries } = await opened.store.scan();
    const [one, two] = entries;
    if (!one || !two) throw new Error('two sessions');
    // A newer format or another key than this instance's is not poison: see below.
    const head = one.record.bytes.subarray(0, 2);
    const poison = [
      Buffer.from('garbage'),
      Buffer.concat([head, Buffer.from('{"cookie":{"originalMaxAge":"x"},"userId":"admin"}')]),
      Buffer.concat([head, Buffer.alloc(100_000, 1)]),
      one.record.bytes.subarray(0, 40),
      one.record.bytes.map((byte, at) => (at === 60 ? byte ^ 1 : byte)),
      two.record.bytes,
    ];
    for (const bytes of poison) {
      const current = (await opened.store.read(one.id)) as StoredRecord;
      const version = Buffer.from(`version${poison.indexOf(bytes)}`)
        .toString('base64url')
        .slice(0, 11) as StoredRecord['version'];
      await opened.store.update(one.id, { ...current, bytes, version }, current.version);
      const answers = await Promise.all([ada, bob].map((client) => client.copy().get('/me')));
      for (const answer of answers) expect(answer.status).toBe(200);
      const people = answers.map((answer) => answer.json<{ userId?: string }>().userId);
      expect(people.filter((who) => who !== undefined)).toHaveLength(1);
    }
    expect(held.events.filter(({ type }) => type === 'record-refused').length).toBeGreaterThanOrEqual(5);
    expect(app.errors).toEqual([]);
  });
});

describe('a record of a newer release', () => {
  it('is a 503, and nothing overwrites it', async () => {
    const opened = await (storeKinds[0] as (typeof storeKinds)[number]).open();
    const app = await startExpressSession(holdfastStore(opened.store).store);
    const client = app.client();
    await client.post('/put', { body: { n: 1 } });
    const [entry] = (await opened.store.scan()).entries;
    if (!entry) throw new Error('a session');
    const newer = Buffer.from(entry.record.bytes);
    newer[0] = 9;
    await opened.store.update(
      entry.id,
      { ...entry.record, bytes: newer, version: 'AAAAAAAAAAA' as never },
      entry.record.version,
    );
    const answer = await client.post('/put', { body: { n: 2 } });
    expect([answer.status, answer.json<{ code: string }>().code]).toEqual([503, 'ERR_SESSION_RECORD_UNREADABLE']);
    expect(Buffer.from(((await opened.store.read(entry.id)) as StoredRecord).bytes)).toEqual(newer);
    await app.close();
    await opened.remove();
  });
});

describe('a store that hangs', () => {
  it('is an error when the deadline has passed, at once after that, and well again when it is', async () => {
    const opened = await (storeKinds[0] as (typeof storeKinds)[number]).open();
    const spy = spyOn(opened.store);
    const held = holdfastStore(spy.store);
    const app = await startExpressSession(held.store);
    const client = app.client();
    await client.post('/put', { body: { n: 1 } });
    const asked = deferred();
    const hung = deferred<never>();
    spy.around = () => {
      asked.resolve();
      return hung.promise;
    };
    const waiting = client.get('/me');
    await asked.promise;
    held.clock.advance(2_000);
    expect((await waiting).status).toBe(503);
    const next = await client.get('/me');
    expect([next.status, next.json<{ code: string }>().code]).toEqual([503, 'ERR_SESSION_STORE_UNAVAILABLE']);
    spy.around = undefined;
    held.clock.advance(250);
    expect((await client.get('/me')).json()).toMatchObject({ n: 1 });
    await app.close();
    await opened.remove();
  });

  it('fails a save by name too, and says that its outcome is not known', async () => {
    const opened = await (storeKinds[0] as (typeof storeKinds)[number]).open();
    const spy = spyOn(opened.store);
    const held = holdfastStore(spy.store);
    const app = await startExpressSession(held.store);
    const client = app.client();
    await client.post('/put', { body: { n: 1 } });
    const asked = deferred();
    spy.around = (operation, run) => {
      if (operation !== 'update') return run();
      asked.resolve();
      return new Promise(() => undefined);
    };
    const waiting = client.post('/slow/save', { body: { n: 2 } });
    await app.turnstile.holding(1);
    app.turnstile.open();
    await asked.promise;
    held.clock.advance(2_000);
    expect((await waiting).status).toBe(503);
    expect(app.errors.at(-1)).toMatchObject({ code: 'ERR_SESSION_STORE_UNAVAILABLE', outcome: 'unknown' });
    await app.close();
    await opened.remove();
  });
});

const redis = needs('redis-server');

describe.runIf(redis)('a Redis server that is killed', () => {
  it('is an error for requests with a cookie, nothing for those without, and never the end of the process', async () => {
    const server = await startRedis(redis ?? '');
    const client = createClient({ socket: { host: '127.0.0.1', port: server.port } });
    client.on('error', () => undefined);
    await client.connect();
    const within = (storeDeadline: '500ms' | '60s') =>
      startExpressSession(new HoldfastStore({ store: redisStore({ client }), secret: testSecret, storeDeadline }));
    // What is there before the server dies has all the time that a busy machine takes.
    const [app, patient] = [await within('500ms'), await within('60s')];
    const before = patient.client();
    expect((await before.post('/put', { body: { n: 1 } })).status).toBe(200);
    const person = app.client();
    for (const [name, value] of before.jar) person.jar.set(name, value);
    await server.stop();
    const answers = await Promise.all([1, 2, 3].map(() => person.get('/me')));
    expect(answers.map(({ status }) => status)).toEqual([503, 503, 503]);
    expect((await app.client().get('/public')).status).toBe(200);
    client.destroy();
    await patient.close();
    await app.close();
  });
});
