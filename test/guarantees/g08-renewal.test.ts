import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKeyring } from '../../src/core/keyring.js';
import { TokenCodec } from '../../src/core/token.js';
import type { SessionOptions } from '../../src/index.js';
import { sessionIn, startApp, type TestApp, testSecret } from '../support/app.js';
import type { Client } from '../support/client.js';
import { deferred } from '../support/deferred.js';
import { FakeClock } from '../support/fake-clock.js';
import { bearing, everyVerb, lastHeard, signedIn, tokenOf } from '../support/routes.js';
import { type Spy, spyOn } from '../support/spy-store.js';
import { type OpenStore, storeKinds } from '../support/stores.js';

const minute = 60_000;
const newSecret = 'an0ther-t3st-0nly-Hc4sN8wQ1vX6zJ2kR5tP';

describe.each(storeKinds)('G8, renewal of the token: $name', (kind) => {
  let opened: OpenStore;
  let clock: FakeClock;
  let spy: Spy;
  let app: TestApp;
  const apps: TestApp[] = [];

  beforeEach(async () => {
    opened = await kind.open();
    clock = new FakeClock();
    spy = spyOn(opened.store);
    app = await start();
  });
  afterEach(async () => {
    for (const started of apps.splice(0)) await started.close();
    await opened.remove();
  });

  async function start(options: SessionOptions = {}): Promise<TestApp> {
    const started = await startApp(everyVerb, { preset: 'aal2', store: spy.store, clock, ...options });
    apps.push(started);
    return started;
  }
  async function pass(ms: number): Promise<void> {
    await spy.settled();
    clock.advance(ms);
    await spy.settled();
  }
  const isIn = async (client: Client): Promise<boolean> => (await client.get('/guarded')).status === 200;
  const holding = (client: Client): Client => bearing(app, tokenOf(client));

  it('offers nothing before its time', async () => {
    const client = await signedIn(app, 'ada');
    await pass(15 * minute - 1);
    expect((await client.get('/guarded')).setCookies).toEqual([]);
    await pass(1);
    expect((await client.get('/guarded')).setCookies).toHaveLength(1);
  });

  it('offers one and the same successor to all requests that overlap, and to whoever lost the first answer', async () => {
    const client = await signedIn(app, 'ada');
    await pass(15 * minute);
    const tabs = [1, 2, 3, 4, 5].map(() => client.copy());
    await Promise.all(tabs.map((tab) => tab.get('/guarded')));
    expect(new Set(tabs.map(tokenOf)).size).toBe(1);
    expect(tokenOf(tabs[0] as Client)).not.toBe(tokenOf(client));
    await pass(10 * minute);
    const again = client.copy();
    expect(await isIn(again)).toBe(true);
    expect(tokenOf(again)).toBe(tokenOf(tabs[0] as Client));
  });

  it('the successor takes over when it arrives, and until then nothing has changed', async () => {
    const client = await signedIn(app, 'ada');
    const old = holding(client);
    await pass(15 * minute);
    await isIn(client);
    await pass(20 * minute);
    // Not yet arrived: the old one is still the current one, after any grace.
    expect(await isIn(old.copy())).toBe(true);
    expect(await isIn(client)).toBe(true);
    await pass(minute - 1);
    expect(await isIn(old)).toBe(true);
    expect((await old.get('/guarded')).setCookies).toEqual([]);
    await pass(1);
    expect(await isIn(old)).toBe(false);
  });

  it('an old token after the grace means a copied cookie: the session ends for all who hold it', async () => {
    const client = await signedIn(app, 'ada');
    const thief = holding(client);
    const { id } = (await client.get('/me')).json<{ id: string }>();
    await pass(15 * minute);
    await isIn(client);
    await isIn(client);
    await pass(minute);
    expect(await isIn(thief)).toBe(false);
    expect(app.events).toContainEqual(expect.objectContaining({ type: 'token-refused', reason: 'token-reuse', id }));
    expect(app.events).toContainEqual(expect.objectContaining({ type: 'ended', reason: 'token-reuse', id }));
    expect(await isIn(client)).toBe(false);
    expect((await client.get('/me')).json()).toMatchObject({ endedReason: 'token-reuse' });
  });

  it('the thief who renews first is found out by the person who comes back', async () => {
    const client = await signedIn(app, 'ada');
    const thief = holding(client);
    await pass(15 * minute);
    await isIn(thief);
    await isIn(thief);
    await pass(minute);
    expect(await isIn(client)).toBe(false);
    expect(await isIn(thief)).toBe(false);
  });

  it('requests with the old token inside the grace lose none of their changes', async () => {
    const client = await signedIn(app, 'ada');
    const old = holding(client);
    await pass(15 * minute);
    await isIn(client);
    await Promise.all([client.post('/put', { body: { a: 1 } }), old.post('/put', { body: { b: 2 } })]);
    expect((await client.get('/me')).json()).toMatchObject({ data: { a: 1, b: 2 } });
  });

  it('goes on across a change of the app secret between offer and arrival', async () => {
    const rotated = await start({ secret: [newSecret, testSecret] });
    const client = await signedIn(app, 'ada');
    await pass(15 * minute);
    await isIn(client);
    const there = bearing(rotated, tokenOf(client));
    expect(await isIn(there)).toBe(true);
    await pass(minute);
    expect(await isIn(there)).toBe(true);
    await pass(15 * minute);
    expect(await isIn(there)).toBe(true);
    expect(await isIn(there)).toBe(true);
    await pass(1);
    expect(await isIn(bearing(await start({ secret: newSecret }), tokenOf(there)))).toBe(true);
  });

  it("a secret that never was the session's is nobody, and ends nothing", async () => {
    const client = await signedIn(app, 'ada');
    const { id } = (await client.get('/me')).json<{ id: never }>();
    const forged = new TokenCodec(createKeyring([testSecret]), 'app').write(id, Buffer.alloc(32, 7));
    expect(await isIn(bearing(app, forged))).toBe(false);
    expect(lastHeard(app)).toMatchObject({ type: 'token-refused', reason: 'wrong-secret' });
    expect(await isIn(client)).toBe(true);
  });

  it('a response that comes too late does not put an outdated token over a newer one', async () => {
    const gate = deferred();
    const arrived = deferred();
    const quick = await start({ renewEvery: '1m' });
    quick.app.get('/slow', async (req, res) => {
      arrived.resolve(sessionIn(req).info.isNew as never);
      await gate.promise;
      res.send('done');
    });
    const client = await signedIn(quick, 'ada');
    await pass(minute);
    const slow = client.copy().get('/slow');
    await arrived.promise;
    for (let renewal = 0; renewal < 3; renewal++) {
      await isIn(client);
      await isIn(client);
      await pass(minute);
    }
    gate.resolve();
    const late = await slow;
    expect(late.status).toBe(200);
    expect(late.setCookies).toEqual([]);
    expect(await isIn(client)).toBe(true);
  });

  it('is off unless asked for', async () => {
    const plain = await startApp(everyVerb, { store: spy.store, clock });
    apps.push(plain);
    const client = await signedIn(plain, 'ada');
    await pass(50 * minute);
    expect((await client.get('/guarded')).setCookies).toEqual([]);
  });
});
