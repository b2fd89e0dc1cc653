/** People who are signed in with express-session stay so under session(), which takes their sessions over by the old cookie. */
import { createHmac } from 'node:crypto';
import session, { type Store } from 'express-session';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HoldfastStore } from '../../src/express-session/index.js';
import { session as holdfast, memoryStore, type SessionOptions } from '../../src/index.js';
import { startApp, type TestApp, testSecret } from '../support/app.js';
import { Client } from '../support/client.js';
import { done, type ExpressSessionApp, startExpressSession } from '../support/express-session-app.js';
import { FakeClock } from '../support/fake-clock.js';
import { everyVerb, type Me } from '../support/routes.js';
import { spyOn } from '../support/spy-store.js';
import type { OpenStore, StoreKind } from '../support/stores.js';
import { endServers, newStores, ownerIndexed } from './new-stores.js';

const oldSecret = 'the one that signs cookies';
const minuteMs = 60_000;

const signed = (sid: string, secret = oldSecret): string =>
  encodeURIComponent(`s:${sid}.${createHmac('sha256', secret).update(sid).digest('base64').replace(/=+$/, '')}`);

const sidOf = (client: Client): string =>
  decodeURIComponent(client.jar.get('connect.sid') ?? '')
    .slice(2)
    .split('.')[0] as string;

const kinds = {
  MemoryStore: () => new session.MemoryStore(),
  HoldfastStore: () => new HoldfastStore({ store: memoryStore(), secret: testSecret }),
} satisfies Record<string, () => Store>;

const into = (from: keyof typeof kinds) => (kind: StoreKind) => [from, `'${kind.name}'`, kind] as const;
const inMemory = newStores.filter(({ name }) => name === 'memory');
const moves = [...newStores.map(into('MemoryStore')), ...inMemory.map(into('HoldfastStore'))];

afterAll(endServers);

describe.each(moves)('sessions of express-session in %s, into: %s', (kind, _into, newKind) => {
  const findsOwners = ownerIndexed.includes(newKind);
  let oldStore: Store;
  let oldApp: ExpressSessionApp;
  let clock: FakeClock;
  let opened: OpenStore;
  let ours: ReturnType<typeof spyOn>;
  let app: TestApp;
  let apps: TestApp[];
  const oldCalls: string[] = [];

  const start = async (
    more: Partial<NonNullable<SessionOptions['migrateFrom']>> = {},
    options: SessionOptions = {},
  ) => {
    const migrateFrom = {
      secret: oldSecret,
      store: oldStore,
      owner: (data: { userId?: unknown }) => data.userId,
      ...more,
    };
    const started = await startApp(everyVerb, { store: ours.store, clock, migrateFrom, ...options });
    apps.push(started);
    return started;
  };
  beforeEach(async () => {
    oldCalls.length = 0;
    const made: Store = kinds[kind]();
    oldStore = new Proxy(made, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== 'function') return member;
        return (...args: unknown[]) => {
          if (name === 'get' || name === 'set' || name === 'destroy') oldCalls.push(name);
          return Reflect.apply(member, target, args);
        };
      },
    });
    oldApp = await startExpressSession(oldStore);
    // Real time, as express-session has no other; it moves on when a test says so.
    clock = new FakeClock(Date.now());
    opened = await newKind.open();
    ours = spyOn(opened.store);
    apps = [];
    app = await start();
  });
  afterEach(async () => {
    for (const one of apps) await one.close();
    await oldApp.close();
    await opened.remove();
  });

  /** Somebody whom the old app has signed in. */
  async function person(who = 'ada'): Promise<Client> {
    const client = oldApp.client();
    expect((await client.post(`/sign-in/${who}`)).status).toBe(200);
    return client;
  }
  /** The same browser, at one of the new instances. */
  const at = (to: TestApp, client: Client): Client => new Client(to.origin, client.jar);
  const me = async (client: Client): Promise<Me> => (await client.get('/me')).json<Me>();
  /** What has expired by then is gone from the store, as a store of a server does by itself. */
  async function passing(ms: number): Promise<void> {
    clock.advance(ms);
    while ((await ours.store.sweep(clock.now(), 1_000)) > 0);
  }
  const recordOf = (sid: string) =>
    new Promise<object>((resolve) => oldStore.get(sid, (_, found) => resolve(found as object)));
  const named = (client: Client, name: string) => client.jar.has(name);

  it('are taken over: the person stays signed in, by name, and the old instance goes on with its own', async () => {
    const old = await person();
    await old.post('/put', { body: { cart: ['pear'] } });
    const client = at(app, old);
    const answer = await client.get('/me');
    expect(answer.json<Me>()).toMatchObject({
      owner: 'ada',
      aal: 1,
      isNew: false,
      data: { userId: 'ada', cart: ['pear'] },
    });
    expect(answer.json<Me>().data).not.toHaveProperty('cookie');
    expect(answer.setCookies).toHaveLength(1);
    expect(app.events).toContainEqual(expect.objectContaining({ type: 'adopted', id: answer.json<Me>().id }));
    expect(named(client, 'connect.sid')).toBe(true);
    // From now on by its own cookie, without a look at the old store.
    oldCalls.length = 0;
    expect(await me(client)).toMatchObject({ owner: 'ada', id: answer.json<Me>().id });
    expect(oldCalls).toEqual([]);
    expect((await old.get('/me')).json<object>()).toMatchObject({ userId: 'ada' });
    if (findsOwners) expect(await app.sessions.list('ada')).toHaveLength(1);
  });

  it('are one session for 20 requests at once over two instances, and one response sets the cookie', async () => {
    const [old, other] = [await person(), await start()];
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => at(n % 2 ? app : other, old).get('/me')));
    expect(new Set(answers.map((answer) => answer.json<Me>().id)).size).toBe(1);
    expect(answers.map((answer) => answer.json<Me>().owner)).toEqual(answers.map(() => 'ada'));
    expect(answers.flatMap(({ setCookies }) => setCookies)).toHaveLength(1);
    if (findsOwners) expect(await app.sessions.list('ada')).toHaveLength(1);
  });

  it('give their cookie again to a browser that has lost the first response', async () => {
    const old = await person();
    await at(app, old).get('/me');
    expect((await at(app, old).get('/me')).setCookies).toEqual([]);
    clock.advance(11_000);
    const client = at(app, old);
    const answer = await client.get('/me');
    expect(answer.setCookies).toHaveLength(1);
    client.jar.delete('connect.sid');
    expect(await me(client)).toMatchObject({ owner: 'ada', id: answer.json<Me>().id });
  });

  it.each([
    ['signOut', 'signed-out'],
    ['destroy', 'destroyed'],
  ])(
    'end for good by %s: the old record first, both cookies with the response, whatever is saved again',
    async (verb) => {
      const old = await person();
      const [sid, copy] = [sidOf(old), old.copy()];
      const record = await recordOf(sid);
      const client = at(app, old);
      await client.get('/me');
      const thief = client.copy();
      expect((await client.post(`/${verb}`)).status).toBe(200);
      expect([...client.jar.keys()]).toEqual([]);
      expect((await copy.get('/me')).json<object>()).not.toHaveProperty('userId');
      // A request that was under way on an old instance writes its record back.
      if (kind === 'MemoryStore') await done((callback) => oldStore.set(sid, record as never, callback));
      for (const again of [at(app, copy), thief]) expect((await me(again)).owner).toBeUndefined();
      // Also when our own marker of the end is gone.
      await passing(2 * 60 * minuteMs);
      expect((await me(at(app, copy))).owner).toBeUndefined();
    },
  );

  it('do not end where the old store fails: 503, and nothing is claimed', async () => {
    const client = at(app, await person());
    await client.get('/me');
    const { destroy } = oldStore;
    oldStore.destroy = (_sid, callback) => callback?.(new Error('down'));
    const answer = await client.post('/signOut');
    expect([answer.status, answer.setCookies]).toEqual([503, []]);
    expect((await client.post('/sign-in/bob')).status).toBe(503);
    oldStore.destroy = destroy;
    clock.advance(250);
    expect((await me(client)).owner).toBe('ada');
    expect((await client.post('/signOut')).status).toBe(200);
  });

  it.each([
    ['a sign-in', (client: Client) => client.post('/sign-in/bob')],
    ['an identity set by hand', (client: Client) => client.post('/put', { body: { userId: 'bob' } })],
    ['regeneration', (client: Client) => client.post('/regenerate')],
  ])('whose cookie was planted are worth nothing after %s', async (_, rise) => {
    const attacker = oldApp.client();
    await attacker.post('/put', { body: { cart: ['bait'] } });
    const victim = at(app, attacker);
    // In the very request that takes it over, and in a later one.
    for (const first of [false, true]) {
      if (first) await victim.get('/me');
      expect((await rise(victim)).status).toBe(200);
    }
    expect(named(victim, 'connect.sid')).toBe(false);
    const stolen = at(app, attacker);
    expect(await me(stolen)).toMatchObject({ data: {} });
    expect((await me(stolen)).owner).toBeUndefined();
    expect((await attacker.get('/me')).json<object>()).not.toHaveProperty('cart');
  });

  it('give way to the one with which the person signed in on an old instance', async () => {
    const old = oldApp.client();
    await old.post('/put', { body: { cart: ['pear'] } });
    const client = at(app, old);
    const before = await me(client);
    expect([before.owner, before.data]).toEqual([undefined, { cart: ['pear'] }]);
    const back = new Client(oldApp.origin, client.jar);
    await back.post('/sign-in/ada');
    const again = at(app, back);
    const answers = await Promise.all(Array.from({ length: 10 }, () => new Client(app.origin, again.jar).get('/me')));
    expect(answers.map((answer) => answer.json<Me>().owner)).toEqual(answers.map(() => 'ada'));
    expect(answers.flatMap(({ setCookies }) => setCookies)).toHaveLength(1);
  });

  it('are ignored beside a session of ours that somebody is signed in with; its sign-out ends both', async () => {
    const client = at(app, oldApp.client());
    await client.post('/sign-in/ada');
    const back = new Client(oldApp.origin, client.jar);
    await back.post('/sign-in/bob');
    const both = at(app, back);
    const [sid, record] = [sidOf(back), await recordOf(sidOf(back))];
    oldCalls.length = 0;
    expect((await me(both)).owner).toBe('ada');
    expect(oldCalls).toEqual([]);
    const copy = both.copy();
    expect((await both.post('/signOut')).status).toBe(200);
    expect([...both.jar.keys()]).toEqual([]);
    if (kind === 'MemoryStore') await done((callback) => oldStore.set(sid, record as never, callback));
    // Not back in as somebody else by the cookie that was ignored.
    expect((await me(copy)).owner).toBeUndefined();
    expect((await me(at(app, back))).owner).toBeUndefined();
  });

  it('that idled out are not taken over again from a record that still lives', async () => {
    const old = await person();
    await at(app, old).get('/me');
    await passing(61 * minuteMs);
    for (const client of [at(app, old), at(app, old)]) expect((await me(client)).owner).toBeUndefined();
    expect(app.events).toContainEqual(expect.objectContaining({ type: 'move-refused' }));
  });

  it.each([
    ['an async function', () => Promise.reject(new Error('down')), 'owner\\(\\): expected an answer at once'],
    ['one that answers no name', () => 'a\ud800', 'owner\\(\\): expected .*well-formed.* Answer undefined while'],
  ])('are a clear error on touch where the owner is asked of %s, and it ends no process', async (_, owner, said) => {
    const client = at(await start({ owner }), await person());
    const { status, text } = await client.get('/me');
    expect([status, text]).toEqual([500, expect.stringMatching(new RegExp(`migrateFrom\\.owner: .* ${said}`))]);
  });

  it.runIf(findsOwners)(
    'are ended with all of their owner, those that were not taken over yet among them',
    async () => {
      const [first, second] = [await person(), await person()];
      const client = at(app, first);
      await client.get('/me');
      expect(await app.sessions.revokeAll('ada')).toBe(1);
      expect((await me(client)).owner).toBeUndefined();
      expect((await first.get('/me')).json<object>()).not.toHaveProperty('userId');
      expect((await me(at(app, second))).owner).toBeUndefined();
      expect(app.events).toContainEqual(expect.objectContaining({ type: 'move-refused', reason: 'barred' }));
    },
  );

  it.runIf(findsOwners)(
    'stay out after a revocation of their owner for as long as old ones are taken over',
    async () => {
      const [first, forgotten] = [await person(), await person()];
      await at(app, first).get('/me');
      await app.sessions.revokeAll('ada');
      // Longer than the markers of an end are kept, and than a sign-in can take.
      await passing(2 * 60 * minuteMs);
      expect((await me(at(app, forgotten))).owner).toBeUndefined();
      const client = at(app, first);
      expect((await client.post('/sign-in/ada')).status).toBe(200);
      expect((await me(client)).owner).toBe('ada');
    },
  );

  it('end by their public id, and the old record first', async () => {
    const old = await person();
    const client = at(app, old);
    const { id } = await me(client);
    expect(await app.sessions.revoke(id)).toBe(true);
    expect((await me(client)).endedReason).toBe('revoked');
    expect((await old.get('/me')).json<object>()).not.toHaveProperty('userId');
  });

  it('do not pass a guard that asks how fresh the sign-in is', async () => {
    const client = at(app, await person());
    const { authenticatedAt } = (await client.get('/me')).json<{ authenticatedAt?: string }>();
    expect(authenticatedAt).toBeUndefined();
  });

  it('cost nothing where the cookie is forged, and no write where the old store knows nothing', async () => {
    const forged = [
      signed('a'.repeat(32), 'another secret'),
      signed('a'.repeat(32)).replace('s%3A', 's:'),
      `${signed('a'.repeat(32))}x`,
      `j%3A${signed('a'.repeat(32)).slice(4)}`,
      '%',
      's%3A.',
      '',
      'x'.repeat(5_000),
    ];
    for (const value of forged) {
      const client = new Client(app.origin, [['connect.sid', value]]);
      expect([(await client.get('/me')).status, (await me(client)).data]).toEqual([200, {}]);
    }
    expect([ours.calls, oldCalls]).toEqual([[], []]);
    const unknown = new Client(app.origin, [['connect.sid', signed('b'.repeat(32))]]);
    expect((await unknown.get('/me')).setCookies).toEqual([]);
    expect([new Set(ours.calls), oldCalls]).toEqual([new Set(['read']), ['get']]);
  });

  it('are read by every secret of the old list, and by one of two values only where both are the same', async () => {
    const [one, two] = [await person('ada'), await person('bob')];
    const rotated = await start({ secret: ['a newer one', oldSecret] });
    expect((await me(at(rotated, one))).owner).toBe('ada');
    const [a, b] = [one.jar.get('connect.sid'), two.jar.get('connect.sid')];
    const ask = async (cookie: string) => (await new Client(app.origin).get('/me', { cookie })).json<Me>().owner;
    expect(await ask(`connect.sid=forged; connect.sid=${b}; connect.sid=${b}`)).toBe('bob');
    expect(await ask(`connect.sid=${a}; connect.sid=${b}`)).toBeUndefined();
    expect(app.events).toContainEqual(expect.objectContaining({ type: 'move-refused', reason: 'ambiguous' }));
  });

  it('are a 503 on touch while the old store is down, and nothing is begun over them', async () => {
    const old = await person();
    const { get } = oldStore;
    const [sid] = [sidOf(old)];
    oldStore.get = (_sid, callback) => callback(new Error(`cannot read ${sid}`));
    const client = at(app, old);
    const answer = await client.post('/put', { body: { a: 1 } });
    expect([answer.status, answer.json<{ code: string }>().code]).toEqual([503, 'ERR_SESSION_STORE_UNAVAILABLE']);
    expect(answer.setCookies).toEqual([]);
    expect((await client.get('/public')).text).toBe('public');
    // The id is the old cookie's credential.
    const said = JSON.stringify(app.events, (_, it: unknown) => (it instanceof Error ? [it.message, it.stack] : it));
    expect(said + answer.text).not.toContain(sid);
    oldStore.get = get;
    clock.advance(250);
    expect((await me(client)).owner).toBe('ada');
  });

  it('are not taken over where an old instance signed the person out while they were', async () => {
    const old = await person();
    const sid = sidOf(old);
    const other = await start();
    let ended = false;
    ours.around = async (operation, run) => {
      if (operation === 'create' && !ended) {
        ended = true;
        await done((callback) => oldStore.destroy(sid, callback));
      }
      return run();
    };
    expect((await me(at(app, old))).owner).toBeUndefined();
    ours.around = undefined;
    expect((await me(at(other, old))).owner).toBeUndefined();
  });

  it('are not taken over where another instance took them over and signed the person out meanwhile', async () => {
    const [old, other] = [await person(), await start()];
    const there = at(other, old);
    let met = 0;
    ours.around = async (operation, run) => {
      // Between the claim and the creation of the first instance.
      if (operation === 'create' && ++met === 2) {
        ours.around = undefined;
        expect((await there.get('/me')).json<Me>().owner).toBe('ada');
        expect((await there.post('/signOut')).status).toBe(200);
      }
      return run();
    };
    const answer = await at(app, old).get('/me');
    expect([answer.json<Me>().owner, answer.setCookies]).toEqual([undefined, []]);
    expect((await me(at(app, old))).owner).toBeUndefined();
  });

  it('are taken over by the next request where a process died between the claim and the session', async () => {
    const old = await person();
    let met = 0;
    ours.around = (operation, run) => {
      if (operation === 'create' && ++met === 2) throw new Error('died here');
      return run();
    };
    expect((await at(app, old).get('/me')).status).toBe(503);
    ours.around = undefined;
    clock.advance(250);
    expect((await me(at(app, old))).owner).toBe('ada');
  });

  it.skipIf(kind === 'HoldfastStore')('that can be no session are nobody, with an event', async () => {
    const memory = oldStore as unknown as { sessions: Record<string, string> };
    const hostile = [
      '5',
      '"text"',
      '[1]',
      '{}',
      '{"cookie":5,"userId":"x"}',
      '{"cookie":{},"__proto__":{"polluted":1},"a":1}',
    ];
    for (const [n, text] of hostile.entries()) {
      const sid = `hostile-${n}-${'x'.repeat(20)}`;
      memory.sessions[sid] = text;
      const client = new Client(app.origin, [['connect.sid', signed(sid)]]);
      const answer = await client.get('/me');
      expect([answer.status, answer.json<Me>().owner, Reflect.get({}, 'polluted')]).toEqual([
        200,
        undefined,
        undefined,
      ]);
    }
  });

  it('open sockets too, whose handshake can’t carry a cookie; the next response does', async () => {
    const old = await person();
    const sockets = await startApp(
      (it, sessions) => {
        it.get('/socket', async (req, res) => {
          const upgrade = await sessions.upgrade(req, { anonymous: true });
          res.json({ owner: upgrade.accepted ? upgrade.session.info.owner : 'refused' });
        });
        everyVerb(it, sessions);
      },
      {
        store: ours.store,
        clock,
        migrateFrom: { secret: oldSecret, store: oldStore, owner: (data) => data.userId },
      },
    );
    apps.push(sockets);
    const headers = { origin: sockets.origin };
    expect((await at(sockets, old).get('/socket', { headers })).json<object>()).toEqual({ owner: 'ada' });
    clock.advance(11_000);
    expect((await at(sockets, old).get('/me')).setCookies).toHaveLength(1);
  });

  it('say in explain() what became of them', async () => {
    const old = await person();
    const explained = await startApp((it) => it.get('/why', (req, res) => void res.json(app.sessions.explain(req))), {
      store: ours.store,
      clock,
      migrateFrom: { secret: oldSecret, store: oldStore },
    });
    apps.push(explained);
    const { because } = (await at(explained, old).get('/why')).json<{ because: string[] }>();
    expect(because).toContain('The session was taken over from the cookie of express-session.');
  });
});

it('options that can’t be are refused at the start, by their names', () => {
  const store = new session.MemoryStore();
  const start = (migrateFrom: object) => () => holdfast({ secret: testSecret, migrateFrom: migrateFrom as never });
  const wrongs: readonly [string, object][] = [
    ['secret', {}],
    ['secret', { store }],
    ['store', { secret: 'x' }],
    ['store', { secret: 'x', store: { get() {} } }],
    ['secret', { secret: [], store }],
    ['secret', { secret: ['x', 1], store }],
    ['path', { secret: 'x', store, path: '/; Secure' }],
    ['domain', { secret: 'x', store, domain: 'a.example;' }],
    ['name', { secret: 'x', store, name: 'a b' }],
    ['owner', { secret: 'x', store, owner: 'userId' }],
    ['keepFor', { secret: 'x', store, keepFor: 30 }],
    ['since', { secret: 'x', store, since: 1 }],
  ];
  for (const [option, wrong] of wrongs) {
    const message = expect.stringMatching(new RegExp(`^migrateFrom.*\\b${option}\\b`));
    expect(start(wrong)).toThrow(expect.objectContaining({ code: expect.stringMatching(/^ERR_SESSION_/), message }));
  }
});
