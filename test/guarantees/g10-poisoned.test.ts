/** Records that somebody else has written, through the real store and a real app over HTTP. */
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SessionId } from '../../src/core/ids.js';
import { isEnded, isOwnerIndexed, type StoredEntry, type StoredRecord } from '../../src/core/store.js';
import { newVersion } from '../../src/core/token.js';
import { startApp, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { everyVerb, type Me, signedIn } from '../support/routes.js';
import { type OpenStore, storeKinds } from '../support/stores.js';

/** In place of the sealed payload; `others` is that of another session. */
const payloads: Record<string, (good: Uint8Array, others: Uint8Array) => Uint8Array> = {
  'cut short': (good) => good.slice(0, 40),
  'one byte': () => Uint8Array.of(1),
  "another session's": (_, others) => others,
  "half another session's": (good, others) => Buffer.concat([good.subarray(0, 40), others.subarray(40)]),
  'a session of express-session': () => Buffer.from('{"cookie":{"originalMaxAge":"x"},"passport":{"user":1}}'),
  'prototype names': () => Buffer.from('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}'),
  '10 MB': (good) => Buffer.concat([good.subarray(0, 2), randomBytes(10 * 1024 * 1024)]),
};

describe.each(storeKinds)('G10, poisoned records in the store: $name', (kind) => {
  let opened: OpenStore;
  let app: TestApp;
  let [ada, grace]: Client[] = [];
  let id: SessionId;
  let other: SessionId;

  beforeEach(async () => {
    opened = await kind.open();
    app = await startApp(everyVerb, { store: opened.store });
    [ada, grace] = [await signedIn(app, 'ada'), await signedIn(app, 'grace')];
    for (const [client, data] of [
      [ada, 'of ada'],
      [grace, 'of grace'],
    ] as const) {
      await client.post('/put', { body: { data } });
    }
    [id, other] = [await idOf(ada), await idOf(grace)];
  });
  afterEach(async () => {
    await app.close();
    await opened.remove();
  });

  const idOf = async (client: Client) => (await client.get('/me')).json<{ id: SessionId }>().id;

  async function recordOf(whose: SessionId): Promise<StoredRecord> {
    const found = await opened.store.read(whose);
    if (!found || isEnded(found)) throw new Error('no record');
    return found;
  }

  /** Nobody, or "later" where a newer release may have written it; an event either way, and nobody else is touched. */
  async function isBoring(): Promise<void> {
    for (const method of ['GET', 'POST']) {
      app.events.length = 0;
      const answer = await (ada as Client).send(method, '/me');
      expect(answer.text).not.toContain('of ada');
      expect(answer.text).not.toContain('of grace');
      expect(answer.setCookies).toEqual([]);
      if (answer.status === 200) expect(answer.json<Me>().owner).toBeUndefined();
      else
        expect([answer.status, answer.json<{ code: string }>().code]).toEqual([503, 'ERR_SESSION_RECORD_UNREADABLE']);
      expect(app.events).toContainEqual(expect.objectContaining({ type: 'record-refused', id }));
      expect(app.events.filter(({ type }) => type === 'store-fault')).toEqual([]);
    }
    expect(await (ada as Client).get('/public')).toMatchObject({ status: 200, setCookies: [] });
    expect((await (grace as Client).get('/me')).json<Me>()).toMatchObject({
      owner: 'grace',
      data: { data: 'of grace' },
    });
    expect((await (grace as Client).post('/put', { body: { more: 1 } })).status).toBe(200);
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
  }

  it.each(Object.entries(payloads))('a payload that is %s is nobody, with an event', async (_, poison) => {
    const [good, { bytes }] = [await recordOf(id), await recordOf(other)];
    const poisoned = { ...good, bytes: poison(good.bytes, bytes), version: newVersion() };
    expect(await opened.store.update(id, poisoned, good.version)).toBe('updated');
    await isBoring();
    expect((await (ada as Client).post('/me')).status).toBe(200);
    // What can't be read can be ended.
    if (isOwnerIndexed(opened.store)) {
      expect(await app.sessions.list('ada')).toEqual([]);
      expect(await app.sessions.revokeAll('ada')).toBe(1);
    } else expect(await app.sessions.revoke(id)).toBe(true);
    expect(await opened.store.read(id)).toMatchObject({ ended: 'revoked' });
  });

  async function walked(): Promise<StoredEntry[]> {
    const entries: StoredEntry[] = [];
    let cursor: string | undefined;
    do {
      const page = await opened.store.scan(cursor);
      entries.push(...page.entries);
      cursor = page.cursor;
    } while (cursor !== undefined);
    return entries;
  }

  it('a value that the store itself never writes is nobody or later, with an event, and its owner can be revoked', async (context) => {
    if (!opened.damage) return context.skip('nobody writes to this store but through it');
    const isNewer = (what: string): boolean => what.includes('newer release');
    // A walk stops at what a newer release may have written, so that comes last.
    const damages = Object.entries(opened.damage).sort(([one], [other]) => +isNewer(one) - +isNewer(other));
    for (const [what, damage] of damages) {
      const owner = `ada, ${what}`;
      ada = await signedIn(app, owner);
      id = await idOf(ada);
      const spare = await signedIn(app, owner);
      await damage(id, other);
      try {
        await isBoring();
        if (isNewer(what)) continue;
        expect(await app.sessions.list(owner)).toHaveLength(1);
        expect((await walked()).map(({ id }) => id)).toContain(await idOf(spare));
        await app.sessions.revokeAll(owner);
        expect((await spare.get('/guarded')).status).toBe(401);
      } catch (cause) {
        throw new Error(`with ${what}`, { cause });
      }
    }
  });
});
