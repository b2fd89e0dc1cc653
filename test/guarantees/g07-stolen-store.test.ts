import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SessionId } from '../../src/core/ids.js';
import { createKeyring } from '../../src/core/keyring.js';
import { isEnded, isOwnerIndexed, isScannable, type StoredEntry, type StoredRecord } from '../../src/core/store.js';
import { hashSecret, newVersion, TokenCodec } from '../../src/core/token.js';
import { startApp, type TestApp, testSecret } from '../support/app.js';
import type { Client } from '../support/client.js';
import { FakeClock } from '../support/fake-clock.js';
import { leaksIn, type Secrets } from '../support/leaks.js';
import { bearing, everyVerb, lastHeard, type Me, signedIn, tokenOf } from '../support/routes.js';
import { type FullStore, type OpenStore, storeKinds } from '../support/stores.js';

const owner = 'ada@example.org';
const payload = 'a payload that nobody may read';
const userAgent = 'Mozilla/5.0 (an unusual browser) Thing/7.31';

describe.each(storeKinds)('G7, a stolen store is useless: $name', (kind) => {
  let opened: OpenStore;
  let app: TestApp;
  let store: FullStore;
  /** Secrets are renewed where a test says so, and not when a machine takes a second for two requests. */
  let clock: FakeClock;

  beforeEach(async () => {
    opened = await kind.open();
    store = opened.store;
    clock = new FakeClock();
    app = await startApp(everyVerb, { store, clock, renewEvery: '1s' });
  });
  afterEach(async () => {
    await app.close();
    await opened.remove();
  });

  /** Everything that the store keeps, as whoever carries its disk away has it. */
  async function stolen(): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (const { id, record } of await entries()) {
      parts.push(Buffer.from(JSON.stringify({ ...record, id, bytes: '' })), Buffer.from(record.bytes));
    }
    const { folder } = opened;
    if (folder) parts.push(...readdirSync(folder).map((file) => readFileSync(join(folder, file))));
    if (opened.dump) parts.push(await opened.dump());
    return Buffer.concat(parts);
  }

  async function entries(): Promise<StoredEntry[]> {
    if (!isScannable(store)) return [];
    const found: StoredEntry[] = [];
    let cursor: string | undefined;
    do {
      const page = await store.scan(cursor);
      found.push(...page.entries);
      cursor = page.cursor;
    } while (cursor !== undefined);
    return found;
  }

  async function recordOf(id: SessionId): Promise<StoredRecord> {
    const found = await store.read(id);
    if (!found || isEnded(found)) throw new Error('no record');
    return found;
  }

  const idOf = async (client: Client) => (await client.get('/me')).json<Me & { id: SessionId }>().id;

  /** As somebody who can write to the store would. */
  async function overwrite(id: SessionId, bytes: Uint8Array): Promise<void> {
    const now = await recordOf(id);
    expect(await store.update(id, { ...now, bytes, version: newVersion() }, now.version)).toBe('updated');
  }

  const secretOf = (token: string): Buffer => Buffer.from(token, 'base64url').subarray(21, 53);

  it('nothing that was given to it, and nothing that opens anything, can be read from it', async () => {
    const secrets: Record<string, string | Uint8Array> = { owner, payload, userAgent, 'app secret': testSecret };
    const remember = (name: string, token: string): void => {
      secrets[`${name}: token`] = token;
      secrets[`${name}: token bytes`] = Buffer.from(token, 'base64url').subarray(21);
      secrets[`${name}: secret`] = secretOf(token);
      secrets[`${name}: secret hash`] = hashSecret(secretOf(token));
    };
    const headers = { 'user-agent': userAgent };
    const anonymous = app.client();
    await anonymous.post('/put', { body: { payload }, headers });
    remember('anonymous', tokenOf(anonymous));
    const client = app.client();
    await client.post(`/sign-in/${owner}`, { headers });
    remember('signed in', tokenOf(client));
    await client.post('/put', { body: { payload, list: [payload, payload] } });
    clock.advance(1_000);
    await client.post('/update', { body: { more: { payload } } });
    remember('renewed', tokenOf(client));
    await client.post('/reauthenticate');
    remember('again', tokenOf(client));
    const over = app.client();
    await over.post(`/sign-in/${owner}`, { headers });
    await over.post('/put', { body: { payload } });
    remember('over', tokenOf(over));
    await over.post('/signOut');
    if (isOwnerIndexed(store)) await app.sessions.revokeAll('somebody else altogether');

    if (isScannable(store)) expect((await entries()).length).toBeGreaterThanOrEqual(2);
    const dump = await stolen();
    expect(leaksIn(dump, secrets satisfies Secrets)).toEqual([]);
    // The ids are public, and are there: the search would find what is there to be found.
    const { id } = (await client.get('/me')).json<Me>();
    expect(leaksIn(dump, { id })).toEqual(['id']);
  });

  it("the sessions of two people can't be told from the sessions of one by their size or content", async () => {
    const [first, second] = [await signedIn(app, owner), await signedIn(app, owner)];
    for (const client of [first, second]) await client.post('/put', { body: { payload } });
    const bytesOf = async (client: Client) => Buffer.from((await recordOf(await idOf(client))).bytes);
    const [a, b] = [await bytesOf(first), await bytesOf(second)];
    expect(a.length).toBe(b.length);
    // Same person, same data, and but for format and key not one run of bytes in common.
    for (let at = 2; at + 8 <= a.length; at++) expect(b.includes(a.subarray(at, at + 8))).toBe(false);
  });

  it('no cookie can be made of it: neither its bytes nor its hashes are a secret', async () => {
    const client = await signedIn(app, owner);
    await client.post('/put', { body: { payload } });
    const { id } = (await client.get('/me')).json<Me & { id: SessionId }>();
    const dump = Buffer.from((await recordOf(id)).bytes);
    const keys = createKeyring([randomBytes(32).toString('base64url')]);
    const forger = new TokenCodec(keys, 'app');
    for (let at = 0; at + 32 <= dump.length; at += 8) {
      const forged = Buffer.from(forger.write(id, dump.subarray(at, at + 32)), 'base64url');
      // The fingerprint is one byte: a forger guesses it.
      forged[0] = Buffer.from(tokenOf(client), 'base64url')[0] as number;
      const answer = await bearing(app, forged.toString('base64url')).get('/guarded');
      expect(answer.status).toBe(401);
    }
    expect(
      app.events.filter((event) => event.type === 'token-refused' && event.reason === 'mac').length,
    ).toBeGreaterThan(20);
  });

  it("a stolen app secret alone opens nothing: a good MAC is not the session's secret", async () => {
    const client = await signedIn(app, owner);
    const { id } = (await client.get('/me')).json<Me & { id: SessionId }>();
    const forger = new TokenCodec(createKeyring([testSecret]), 'app');
    const { bytes } = await recordOf(id);
    const secret = secretOf(tokenOf(client));
    const almost = Buffer.from(secret);
    almost[31] = (almost[31] ?? 0) ^ 1;
    const guesses = [
      Buffer.alloc(32),
      Buffer.alloc(32, 255),
      hashSecret(secret),
      almost,
      bytes.subarray(14, 46),
      randomBytes(32),
    ];
    for (const guess of guesses) {
      const answer = await bearing(app, forger.write(id, guess)).get('/guarded');
      expect(answer.status).toBe(401);
      expect(answer.setCookies).toEqual([]);
      expect(lastHeard(app)).toMatchObject({ type: 'token-refused', reason: 'wrong-secret', id });
    }
    // The right one still opens it, and the guesses did not end it.
    expect((await bearing(app, forger.write(id, secret)).get('/guarded')).status).toBe(200);
  });

  it("a token with any byte or character changed is refused, and never another session's", async () => {
    const client = await signedIn(app, owner);
    await signedIn(app, 'grace');
    const token = tokenOf(client);
    const changed = [...Buffer.from(token, 'base64url').keys()].flatMap((at) =>
      [0x01, 0x80].map((bit) => {
        const bytes = Buffer.from(token, 'base64url');
        bytes[at] = (bytes[at] ?? 0) ^ bit;
        return bytes.toString('base64url');
      }),
    );
    for (const at of [0, 1, 45, 90, 91]) {
      for (const char of ['=', '+', '/', '.', '%', '"', ' '])
        changed.push(token.slice(0, at) + char + token.slice(at + 1));
    }
    changed.push(token.slice(1), token.slice(0, -1), `${token}A`, token.toLowerCase(), `"${token}"`, `${token}=`);
    for (const text of changed) {
      const me = (await bearing(app, text).get('/me')).json<Me>();
      expect(me.owner, text).toBeUndefined();
      expect(me.isNew).toBe(true);
    }
    expect((await client.get('/guarded')).status).toBe(200);
  });

  it('a record with any byte changed is refused, and is never read as anything else', async () => {
    const client = await signedIn(app, owner);
    await client.post('/put', { body: { payload } });
    const { id } = (await client.get('/me')).json<Me & { id: SessionId }>();
    const { bytes } = await recordOf(id);
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
      await overwrite(id, changed);
      const answer = await client.get('/me');
      // A foreign format or key is somebody else's record: it is left alone and the answer is "later".
      expect([200, 503]).toContain(answer.status);
      if (at >= 2) expect(answer.status).toBe(200);
      expect(answer.text).not.toContain(payload);
      expect(answer.text).not.toContain(owner);
      expect(answer.setCookies).toEqual([]);
    }
    await overwrite(id, bytes);
    expect((await client.get('/me')).json<Me>()).toMatchObject({ owner, data: { payload } });
  });

  it("a record that is moved to another session's id does not open there", async () => {
    const [victim, thief] = [await signedIn(app, owner), await signedIn(app, 'mallory')];
    await victim.post('/put', { body: { payload } });
    const victimId = (await victim.get('/me')).json<Me & { id: SessionId }>().id;
    const thiefId = (await thief.get('/me')).json<Me & { id: SessionId }>().id;
    await overwrite(thiefId, (await recordOf(victimId)).bytes);
    const me = (await thief.get('/me')).json<Me>();
    expect(me.owner).toBeUndefined();
    expect(me.data).toEqual({});
    expect(app.events).toContainEqual(
      expect.objectContaining({ type: 'record-refused', reason: 'authentication', id: thiefId }),
    );
  });

  it("another app on the same store and secret can't read it, not even with tokens of its own making", async () => {
    const other = await startApp(everyVerb, { store, audience: 'other' });
    const client = await signedIn(app, owner);
    await client.post('/put', { body: { payload } });
    const { id } = (await client.get('/me')).json<Me & { id: SessionId }>();
    expect((await bearing(other, tokenOf(client)).get('/guarded')).status).toBe(401);
    expect(lastHeard(other)).toMatchObject({ reason: 'mac' });
    const forged = new TokenCodec(createKeyring([testSecret]), 'other').write(id, secretOf(tokenOf(client)));
    expect((await bearing(other, forged).get('/guarded')).status).toBe(401);
    expect(lastHeard(other)).toMatchObject({ type: 'record-refused', reason: 'authentication' });
    // Nor are its owners the other's: the same name is another hash there.
    if (isOwnerIndexed(store)) {
      expect(await other.sessions.list(owner)).toEqual([]);
      expect(await other.sessions.revokeAll(owner)).toBe(0);
    }
    expect((await client.get('/guarded')).status).toBe(200);
    await other.close();
  });

  it('a record that is put back from an old copy does not bring a changed secret back', async () => {
    const client = await signedIn(app, owner);
    const old = tokenOf(client);
    const { id } = (await client.get('/me')).json<Me & { id: SessionId }>();
    const { bytes } = await recordOf(id);
    await client.post('/reauthenticate');
    const fresh = (await client.get('/me')).json<Me & { id: SessionId }>().id;
    await overwrite(fresh, bytes);
    expect((await client.get('/guarded')).status).toBe(401);
    expect((await bearing(app, old).get('/guarded')).status).toBe(401);
  });
});
