import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SessionEvent } from '../../src/core/events.js';
import type { SessionId } from '../../src/core/ids.js';
import type { StoredRecord } from '../../src/core/store.js';
import { newVersion } from '../../src/core/token.js';
import { sessionIn, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { FakeClock } from '../support/fake-clock.js';
import { bearing, type Me, signedIn, tokenOf } from '../support/routes.js';
import { openStage, type Routes, type Stage } from '../support/stage.js';
import { storeKinds } from '../support/stores.js';
import { Turnstile } from '../support/turnstile.js';

const everything = { revokeEverything: true };
const crowd = 50;
const [older, newer] = ['an-0lder-s3cret-Jq7Lw2Xv9TzB4nRk8P', 'a-n3wer-s3cret-Hd5Yc8Mf1GsV6pQt3W'];

describe.each(storeKinds)('revoking everything: $name', (kind) => {
  let stage: Stage;
  let turnstile: Turnstile;
  beforeEach(async () => {
    stage = await openStage(kind);
    turnstile = new Turnstile();
  });
  afterEach(() => stage.clear());

  const slow: Routes = (app) => {
    app.post('/slow/:verb', async (req, res) => {
      await turnstile.pass();
      const session = sessionIn(req);
      if (req.params.verb === 'sign-in') await session.signIn('ada');
      else if (req.params.verb === 'reauthenticate') await session.reauthenticate();
      else if (req.params.verb === 'elevate') await session.elevate({ scope: 'payments' });
      else if (req.params.verb === 'regenerate') await session.regenerate();
      else session.cart = 1;
      sessionIn(req).after = 1;
      res.json({});
    });
    app.get('/wait', (req, res) => {
      const { signal } = sessionIn(req).info;
      signal.addEventListener('abort', () => res.end(`${(signal.reason as { reason: string }).reason}`));
      res.write(' ');
      void turnstile.pass();
    });
  };

  /** Until it has resolved, time has to pass: a second, in which other processes notice. */
  async function revokeEverything(app: TestApp, reason?: string): Promise<void> {
    stage.clock.advance(1);
    let over = false;
    const done = app.sessions.revokeEverything(reason).finally(() => {
      over = true;
    });
    await timePassesUntil(() => over);
    await done;
  }

  /** Between the calls of the store, so that none is taken for one that hangs. */
  async function timePassesUntil(over: () => boolean, clock = stage.clock): Promise<void> {
    while (!over()) {
      await new Promise((next) => setTimeout(next, 2));
      await stage.idle();
      clock.advance(10);
    }
  }

  /** Of the record that says when: it was created last. */
  const epochId = () => stage.faulty.calls.filter(({ method }) => method === 'create').at(-1)?.args[0] as SessionId;

  const isIn = async (client: Client, path = '/guarded') => (await client.get(path)).status === 200;

  it('nobody is signed in afterwards, in any process, strangers included, and each is told why until they sign in again', async () => {
    const [app, other] = [await stage.app(slow, everything), await stage.another(slow, everything)];
    const [ada, bob, stranger] = [await signedIn(app, 'ada'), await signedIn(other, 'bob'), app.client()];
    await stranger.post('/put', { body: { cart: 1 } });
    const adaThere = bearing(other, tokenOf(ada));
    expect(await Promise.all([isIn(ada), isIn(adaThere), isIn(bob)])).toEqual([true, true, true]);
    await revokeEverything(app, 'break-in');
    for (const client of [ada, adaThere, bob]) {
      expect((await client.post('/guarded')).status).toBe(401);
      expect((await client.get('/me')).json<Me>().endedReason).toBe('break-in');
    }
    expect((await stranger.get('/me')).json<Me>().data).toEqual({});
    expect(await other.sessions.count('ada')).toBe(0);
    await bob.post('/sign-in/bob', { body: {} });
    expect(await isIn(bob)).toBe(true);
    // It only ever moves forward, and can be done again.
    await revokeEverything(other);
    expect(await isIn(bob)).toBe(false);
  });

  it.each(['sign-in', 'reauthenticate', 'elevate', 'regenerate', 'change'])(
    `no request that was under way survives it: ${crowd} times %s`,
    async (verb) => {
      const [app, other] = [await stage.app(slow, everything), await stage.another(slow, everything)];
      const clients: Client[] = [];
      for (let n = 0; n < crowd; n++) {
        const instance = n % 2 === 0 ? app : other;
        clients.push(
          verb === 'sign-in' ? instance.client() : bearing(instance, tokenOf(await signedIn(app, `ada-${n}`))),
        );
      }
      const answers = clients.map((client) => client.post(`/slow/${verb}`));
      await turnstile.holding(crowd);
      await revokeEverything(app);
      turnstile.open();
      await Promise.all(answers);
      for (const client of clients) {
        expect(await isIn(client)).toBe(false);
        expect((await client.get('/me')).json<Me>().data).toEqual({});
      }
    },
    120_000,
  );

  it.each(['reauthenticate', 'elevate'])('a session that it ended does not rise: %s', async (verb) => {
    const app = await stage.app(slow, everything);
    const ada = await signedIn(app, 'ada');
    const answer = ada.post(`/slow/${verb}`);
    await turnstile.holding(1);
    await revokeEverything(app, 'break-in');
    turnstile.open();
    const refused = await answer;
    expect(refused.setCookies).toEqual([]);
    expect(refused.json()).toMatchObject({ code: 'ERR_SESSION_ENDED' });
  });

  it('it outlives the secret under which it was done, and keeps nobody out when that secret is gone', async () => {
    const first = await stage.app(slow, { ...everything, secret: older });
    const ada = await signedIn(first, 'ada');
    await revokeEverything(first, 'break-in');
    for (const secret of [[newer, older], newer]) {
      const app = await stage.another(slow, { ...everything, secret });
      expect(await isIn(bearing(app, tokenOf(ada)))).toBe(false);
      expect(await isIn(await signedIn(app, 'ada'))).toBe(true);
    }
  });

  it('while two secrets are in use it ends the sessions of both, for good', async () => {
    const behind = await stage.app(slow, { ...everything, secret: [older, newer] });
    const ahead = await stage.another(slow, { ...everything, secret: [newer, older] });
    const [ada, bob] = [await signedIn(behind, 'ada'), await signedIn(ahead, 'bob')];
    await revokeEverything(behind);
    const last = await stage.another(slow, { ...everything, secret: newer });
    expect(await isIn(ada)).toBe(false);
    expect(await isIn(bob)).toBe(false);
    expect(await isIn(bearing(last, tokenOf(bob)))).toBe(false);
  });

  it('a moment that a wrong clock has set too far ahead is put right by calling it again', async () => {
    const wrong = new FakeClock(stage.clock.now() + 600_000);
    const [app, ahead] = [
      await stage.app(slow, everything),
      await stage.another(slow, { ...everything, clock: wrong }),
    ];
    let over = false;
    const done = ahead.sessions.revokeEverything().finally(() => {
      over = true;
    });
    await timePassesUntil(() => over, wrong);
    await done;
    stage.clock.advance(2_000);
    const ada = app.client();
    expect((await ada.post('/sign-in/ada', { body: {} })).status).toBe(401);
    await revokeEverything(app);
    expect(await isIn(await signedIn(app, 'ada'))).toBe(true);
  });

  it('what was put in its place in the store lets nobody in, is told, and is put right by calling it again', async () => {
    const told: SessionEvent[] = [];
    const app = await stage.app(slow, { ...everything, onEvent: (event) => told.push(event) });
    const ada = await signedIn(app, 'ada');
    await revokeEverything(app);
    const { store } = stage.opened;
    const id = epochId();
    const record = (await store.read(id)) as StoredRecord;
    const bytes = Buffer.from(record.bytes);
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
    await store.update(id, { ...record, bytes, version: newVersion() }, record.version);
    stage.clock.advance(2_000);
    expect((await app.client().post('/sign-in/ada', { body: {} })).status).toBe(503);
    expect(told).toContainEqual(expect.objectContaining({ type: 'record-refused', reason: 'authentication', id }));
    await revokeEverything(app);
    expect(await isIn(ada)).toBe(false);
    expect(await isIn(await signedIn(app, 'ada'))).toBe(true);
  });

  it('what the store did not take is not told as done', async () => {
    const told: SessionEvent[] = [];
    const app = await stage.app(slow, { ...everything, onEvent: (event) => told.push(event) });
    stage.faulty.on('create', 'reject');
    await expect(app.sessions.revokeEverything()).rejects.toMatchObject({ code: 'ERR_SESSION_STORE_UNAVAILABLE' });
    expect(told).not.toContainEqual(expect.objectContaining({ type: 'everything-ended' }));
    stage.faulty.heal();
    stage.clock.advance(1_000);
    await revokeEverything(app);
    expect(told).toContainEqual(expect.objectContaining({ type: 'everything-ended' }));
  });

  it('where its record was ended in the store it says so, and does not claim to have revoked anything', async () => {
    const told: SessionEvent[] = [];
    const app = await stage.app(slow, { ...everything, onEvent: (event) => told.push(event) });
    const at = stage.clock.now();
    await revokeEverything(app);
    told.length = 0;
    await stage.opened.store.end(epochId(), { reason: 'revoked', at, keepUntil: at + 60_000 });
    stage.clock.advance(1);
    await expect(app.sessions.revokeEverything()).rejects.toMatchObject({ code: 'ERR_SESSION_RECORD_UNREADABLE' });
    expect(told).not.toContainEqual(expect.objectContaining({ type: 'everything-ended' }));
  });

  it('open streams are told, in another process too', async () => {
    const [app, other] = [await stage.app(slow, everything), await stage.another(slow, everything)];
    const [here, there] = [await signedIn(app, 'ada'), await signedIn(other, 'bob')];
    const streams = [here.get('/wait'), there.get('/wait')];
    await turnstile.holding(2);
    let told = 0;
    for (const stream of streams) void stream.then(() => told++);
    await revokeEverything(app, 'break-in');
    await timePassesUntil(() => told === 2);
    expect((await Promise.all(streams)).map(({ text }) => text)).toEqual([' break-in', ' break-in']);
  });

  it('what is left of it in the store does not count against a limit', async () => {
    const app = await stage.app(undefined, { ...everything, maxPerOwner: { limit: 1, onExceed: 'reject' } });
    await signedIn(app, 'ada');
    await revokeEverything(app);
    const client = app.client();
    expect((await client.post('/sign-in/ada', { body: {} })).status).toBe(200);
    expect((await app.client().post('/sign-in/ada', { body: {} })).status).toBe(403);
    expect(await isIn(client)).toBe(true);
  });

  it('it costs nothing where it is not asked for, and says then what is missing', async () => {
    const app = await stage.app();
    await expect(app.sessions.revokeEverything()).rejects.toMatchObject({ code: 'ERR_SESSION_OPTION' });
  });
});
