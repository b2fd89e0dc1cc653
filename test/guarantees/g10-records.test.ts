import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SessionId } from '../../src/core/ids.js';
import { isEnded, type StoredRecord } from '../../src/core/store.js';
import { newVersion } from '../../src/core/token.js';
import { startApp, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { Random } from '../support/random.js';
import { everyVerb, type Me, signedIn, tokenOf } from '../support/routes.js';
import { type Spy, spyOn } from '../support/spy-store.js';
import { type OpenStore, storeKinds } from '../support/stores.js';

describe.each(storeKinds)('G10, stored records however malformed: $name', (kind) => {
  let opened: OpenStore;
  let spy: Spy;
  let app: TestApp;
  let client: Client;
  let id: SessionId;
  let good: StoredRecord;
  let others: Uint8Array;

  beforeEach(async () => {
    opened = await kind.open();
    spy = spyOn(opened.store);
    app = await startApp(everyVerb, { store: spy.store, maxDataBytes: 1024 * 1024 });
    client = await signedIn(app, 'ada');
    await client.post('/put', { body: { payload: 'the data of ada', list: [1, 2, { a: null }] } });
    id = (await client.get('/me')).json<Me & { id: SessionId }>().id;
    good = await recordOf(id);
    const other = await signedIn(app, 'grace');
    others = (await recordOf((await other.get('/me')).json<Me & { id: SessionId }>().id)).bytes;
  });
  afterEach(async () => {
    await app.close();
    await opened.remove();
  });

  async function recordOf(of: SessionId): Promise<StoredRecord> {
    const found = await opened.store.read(of);
    if (!found || isEnded(found)) throw new Error('no record');
    return found;
  }

  /** What the next reads answer, whatever is stored. */
  const answering = (answer: unknown, later: boolean): void => {
    spy.around = (operation, run) => {
      if (operation !== 'read') return run();
      return later ? Promise.resolve(answer) : answer;
    };
  };

  /** Nobody, or "later"; and nothing of anybody's. */
  async function isBoring(what: string): Promise<void> {
    for (const [method, path] of [
      ['GET', '/me'],
      ['GET', '/public'],
      ['POST', '/me'],
    ] as const) {
      const answer = await client.send(method, path);
      expect([200, 503], `${what}: ${answer.text}`).toContain(answer.status);
      expect(answer.text, what).not.toContain('the data of ada');
      expect(answer.setCookies, what).toEqual([]);
      if (path === '/public') expect(answer.status).toBe(200);
      else if (answer.status === 200) expect(answer.json<Me>().owner, what).toBeUndefined();
      else expect(answer.json<{ code: string }>().code).toBe('ERR_SESSION_RECORD_UNREADABLE');
    }
  }

  it('2,000 ways to damage the bytes of a record end in nobody or in later, with an event', async () => {
    const random = new Random(71);
    const shapes: (() => Uint8Array)[] = [
      () => good.bytes.slice(0, random.below(good.bytes.length)),
      () => good.bytes.slice(random.below(good.bytes.length) + 1),
      () => Buffer.concat([good.bytes, random.bytes(1 + random.below(40))]),
      () => Buffer.concat([Buffer.from([1, good.bytes[1] ?? 0]), random.bytes(random.below(400))]),
      () => random.bytes(random.below(300)),
      () => Buffer.from('{"cookie":{"originalMaxAge":null},"passport":{"user":1}}'),
      () => Buffer.from('{"__proto__":{"polluted":true}}'),
      () => others,
      () => Buffer.concat([good.bytes.subarray(0, 60), others.subarray(60)]),
      () => new Uint8Array(0),
      () => Buffer.alloc(random.below(300), random.below(256)),
      () => {
        const copy = Buffer.from(good.bytes);
        for (let flips = 1 + random.below(6); flips > 0; flips--)
          copy[2 + random.below(copy.length - 2)] = random.below(256);
        return copy.equals(good.bytes) ? copy.subarray(1) : copy;
      },
    ];
    for (let round = 0; round < 2_000; round++) {
      const bytes = (shapes[round % shapes.length] as () => Uint8Array)();
      answering({ ...good, bytes }, random.chance(0.5));
      const events = app.events.length;
      const answer = await client.get('/me');
      expect([200, 503], Buffer.from(bytes).toString('hex').slice(0, 80)).toContain(answer.status);
      if (answer.status === 200) expect(answer.json<Me>().owner).toBeUndefined();
      expect(answer.setCookies).toEqual([]);
      expect(app.events.slice(events)).toContainEqual(expect.objectContaining({ type: 'record-refused', id }));
    }
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
    spy.around = undefined;
    expect((await client.get('/me')).json<Me>()).toMatchObject({ owner: 'ada' });
  });

  it('10 MB of nothing are refused like any other', async () => {
    answering({ ...good, bytes: randomBytes(10 * 1024 * 1024) }, false);
    await isBoring('10 MB of noise');
    answering({ ...good, bytes: Buffer.concat([good.bytes, Buffer.alloc(10 * 1024 * 1024)]) }, true);
    await isBoring('10 MB behind it');
  });

  const wrong: readonly unknown[] = [
    ...['text', '', 5, 0, -1, true, 10n, Symbol('odd'), () => {}, [], {}, Object.create(null), new Date(), Number.NaN],
    ...[null, { ended: 5, at: 1 }, { ended: {}, at: 1 }, { ended: Object.create(null), at: 1 }, { ended: 'replaced' }],
    ...[
      { ended: 'replaced', at: 'now' },
      { ended: 'x'.repeat(100_000), at: Number.NaN },
    ],
  ];
  const carelessFields = (): [string, unknown][] =>
    [undefined, ...wrong].flatMap((value) => [
      ['bytes', value],
      ['idleDeadline', value],
    ]);

  it.each([false, true])(
    'a careless store that answers other types is nobody or later (by promise: %s)',
    async (later) => {
      for (const value of wrong) {
        answering(value, later);
        await isBoring(
          `read answers ${String(typeof value === 'object' ? JSON.stringify(value)?.slice(0, 60) : String(value))}`,
        );
      }
      for (const [field, value] of carelessFields()) {
        answering({ ...good, [field]: value }, later);
        await isBoring(`${field} is ${typeof value} ${typeof value === 'object' ? '' : String(value)}`);
      }
      answering({ ...good, bytes: Buffer.from(good.bytes).toString('base64') }, later);
      await isBoring('bytes as base64');
      answering({ ...good, bytes: Buffer.from(good.bytes).toJSON() }, later);
      await isBoring('bytes as JSON of a Buffer');
      answering({ ...good, bytes: [...good.bytes] }, later);
      await isBoring('bytes as an array');
    },
  );

  it('bytes of another class are taken for what they are', async () => {
    answering({ ...good, bytes: Buffer.from(good.bytes) }, true);
    expect((await client.get('/me')).json<Me>().owner).toBe('ada');
  });

  it('a store that throws or rejects with anything at all is one clear 503', async () => {
    for (const thrown of [
      new Error('down'),
      'text',
      null,
      undefined,
      5,
      { message: 5 },
      Object.create(null),
      Symbol('odd'),
    ]) {
      for (const later of [false, true]) {
        const faulty = spyOn(opened.store);
        faulty.around = () => {
          if (later) return Promise.reject(thrown);
          throw thrown;
        };
        const broken = await startApp(everyVerb, { store: faulty.store });
        const jar = broken.client();
        jar.jar.set(broken.cookieName, tokenOf(client));
        expect((await jar.get('/public')).status).toBe(200);
        const answer = await jar.get('/me');
        expect(answer.status).toBe(503);
        expect(answer.json<{ code: string }>().code).toBe('ERR_SESSION_STORE_UNAVAILABLE');
        expect(answer.setCookies).toEqual([]);
        await broken.close();
      }
    }
  });

  it('a damaged record in a list is passed over', async () => {
    await opened.store.update(id, { ...good, bytes: others, version: newVersion() }, good.version);
    const kept = await signedIn(app, 'ada');
    expect((await app.sessions.list('ada')).map((summary) => summary.id)).toEqual([
      (await kept.get('/me')).json<Me>().id,
    ]);
    // It can be ended all the same: what can't be read can still be revoked.
    expect(await app.sessions.revokeAll('ada')).toBe(2);
  });

  it('keys that poison prototypes poison nothing, neither on the way in nor on the way out', async () => {
    for (const body of [
      '{"__proto__":{"polluted":true}}',
      '{"profile":{"__proto__":{"polluted":true}}}',
      '{"constructor":{"prototype":{"polluted":true}}}',
      '{"profile":{"constructor":{"prototype":{"polluted":true}}}}',
      '{"hasOwnProperty":1,"toString":2,"valueOf":null,"toJSON":3,"then":4}',
      '{"id":"x","cookie":1,"info":{},"signIn":1}',
      '{"list":[{"__proto__":null}]}',
    ]) {
      for (const path of ['/put', '/update']) {
        const answer = await client.post(path, { body });
        expect(Reflect.get({}, 'polluted')).toBeUndefined();
        expect(Reflect.get(() => {}, 'polluted')).toBeUndefined();
        if (answer.status !== 200)
          expect(answer.json<{ code: string }>().code).toMatch(/^ERR_SESSION_(NAME_RESERVED|DATA_UNSUPPORTED)$/);
        const me = (await client.get('/me')).json<Me>();
        expect(me.owner, body).toBe('ada');
        expect(Reflect.get(me.data, 'polluted')).toBeUndefined();
      }
    }
  });
});
