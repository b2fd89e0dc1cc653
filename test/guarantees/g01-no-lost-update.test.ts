import type { Request } from 'express';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sessionIn, type TestApp } from '../support/app.js';
import { startChildApp } from '../support/child.js';
import type { Client } from '../support/client.js';
import { bearing, type Me, signedIn, tokenOf } from '../support/routes.js';
import { openStage, type Routes, type Stage } from '../support/stage.js';
import { storeKinds } from '../support/stores.js';
import { Turnstile } from '../support/turnstile.js';

const crowd = 50;
const numbers = Array.from({ length: crowd }, (_, n) => n);

const dataOf = async (client: Client) => (await client.get('/me')).json<Me>().data;

describe.each(storeKinds)('G1, no lost update: $name', (kind) => {
  let stage: Stage;
  let turnstile: Turnstile;
  beforeEach(async () => {
    stage = await openStage(kind);
    turnstile = new Turnstile();
  });
  afterEach(() => stage.clear());

  /** Handlers that load the session, wait for the others, and then change a part of their own. */
  const crowded: Routes = (app) => {
    app.post('/late/:how/:n', async (req, res) => {
      const session = sessionIn(req);
      const { how, n } = req.params;
      await turnstile.pass();
      if (how === 'top') session[`k${n}`] = Number(n);
      else if (how === 'nested') session.nest[`k${n}`] = Number(n);
      else delete session.old[`k${n}`];
      res.json({ done: n });
    });
    app.post('/increment', async (req, res) => {
      const session = sessionIn(req);
      await turnstile.pass();
      await session.update<{ n: number }>((data) => {
        data.n += 1;
      });
      res.json({ n: session.n });
    });
  };

  const hows = ['top', 'nested', 'removal'];
  const start = () => ({ n: 0, nest: {}, old: Object.fromEntries(numbers.map((n) => [`k${n}`, n])) });

  /** 50 requests, spread over the apps, each with its own change to one session; what is stored afterwards. */
  async function changeTogether(clients: readonly Client[]): Promise<Record<string, unknown>> {
    const answers = numbers.map((n) =>
      (clients[n % clients.length] as Client).post(`/late/${hows[n % hows.length]}/${n}`),
    );
    await turnstile.holding(crowd);
    turnstile.open();
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(numbers.map(() => 200));
    return dataOf(clients[0] as Client);
  }

  function expectAll(data: Record<string, unknown>): void {
    const { nest, old } = data as { nest: object; old: object };
    for (const n of numbers) {
      const how = hows[n % hows.length];
      if (how === 'top') expect(data).toHaveProperty(`k${n}`, n);
      else if (how === 'nested') expect(nest).toHaveProperty(`k${n}`, n);
      else expect(old).not.toHaveProperty(`k${n}`);
    }
    expect(Object.keys(old)).toHaveLength(crowd - numbers.filter((n) => hows[n % hows.length] === 'removal').length);
  }

  it('50 overlapping requests that each change another part of one session leave 50 changes, ten times over', async () => {
    const app = await stage.app(crowded);
    for (let round = 0; round < 10; round++) {
      const client = app.client();
      await client.post('/put', { body: start() });
      expectAll(await changeTogether([client]));
    }
  });

  it('so do 50 requests to two instances', async () => {
    const [one, two] = [await stage.app(crowded), await stage.another(crowded)];
    const client = one.client();
    await client.post('/put', { body: start() });
    expectAll(await changeTogether([client, bearing(two, tokenOf(client))]));
  });

  it('50 overlapping increments by update() add up to 50, over two instances too', async () => {
    const [one, two] = [await stage.app(crowded), await stage.another(crowded)];
    const client = one.client();
    await client.post('/put', { body: start() });
    const clients = [client, bearing(two, tokenOf(client))];
    const answers = numbers.map((n) => (clients[n % 2] as Client).post('/increment'));
    await turnstile.holding(crowd);
    turnstile.open();
    const statuses = (await Promise.all(answers)).map(({ status }) => status);
    expect(statuses).toEqual(numbers.map(() => 200));
    expect(await dataOf(client)).toMatchObject({ n: crowd });
  });

  describe('within one request, while another request writes the same parts', () => {
    let app: TestApp;
    let client: Client;
    let handler: (req: Request) => unknown;
    beforeEach(async () => {
      app = await stage.app((it) => {
        it.post('/handler', async (req, res) => {
          await handler(req);
          res.json({ done: true });
        });
      });
      client = app.client();
      await client.post('/put', { body: { n: 0, cart: { lines: [1] }, other: {} } });
    });

    /** In the middle of the next store update, another instance writes to the session. */
    async function meanwhile(body: object): Promise<void> {
      const other = bearing(await stage.another(), tokenOf(client));
      stage.faulty.before('update', () => other.post('/put', { body }));
    }

    it('changes made before, during and after update() survive beside it', async () => {
      handler = async (req) => {
        const session = sessionIn(req);
        const { cart } = session;
        session.before = 1;
        cart.before = 1;
        const updated = session.update<{ n: number }>((data) => {
          data.n += 1;
        });
        session.during = 1;
        cart.during = 1;
        await updated;
        session.after = 1;
        cart.after = 1;
      };
      await meanwhile({ theirs: 1, n: 10, cart: { lines: [1], theirs: 1 } });
      expect((await client.post('/handler')).status).toBe(200);
      expect(await dataOf(client)).toEqual({
        n: 11,
        before: 1,
        during: 1,
        after: 1,
        theirs: 1,
        cart: { lines: [1], before: 1, during: 1, after: 1, theirs: 1 },
        other: {},
      });
    });

    it('what a handler changes after save(), also in objects that it held across it, is stored too', async () => {
      handler = async (req) => {
        const session = sessionIn(req);
        const { cart, other } = session;
        const { lines } = cart;
        cart.before = 1;
        await session.save();
        cart.after = 1;
        other.after = 1;
        lines.push(2);
        session.after = 1;
      };
      await meanwhile({ other: { theirs: 1 }, cart: { lines: [1, 7], theirs: 1 } });
      expect((await client.post('/handler')).status).toBe(200);
      expect(await dataOf(client)).toEqual({
        n: 0,
        after: 1,
        other: { theirs: 1, after: 1 },
        cart: { lines: [1, 7, 2], before: 1, after: 1, theirs: 1 },
      });
    });

    it('what is set while a sign-in is under way is in the new session', async () => {
      handler = async (req) => {
        const session = sessionIn(req);
        const done = session.signIn('ada', { keep: ['cart'] });
        session.welcome = 'ada';
        session.cart.during = 1;
        await done;
      };
      expect((await client.post('/handler')).status).toBe(200);
      expect(await dataOf(client)).toEqual({ welcome: 'ada', cart: { lines: [1], during: 1 } });
    });

    it('an update() whose function throws half-way changes nothing, in a new session either', async () => {
      handler = async (req) => {
        const update = sessionIn(req).update((data) => {
          data.half = 1;
          throw new Error('half-way');
        });
        await expect(update).rejects.toThrow('half-way');
      };
      expect((await client.post('/handler')).status).toBe(200);
      expect(await dataOf(client)).not.toHaveProperty('half');
      const stranger = app.client();
      expect((await stranger.post('/handler')).setCookies).toEqual([]);
    });
  });

  describe('a replacement that overlaps with a change of another request', () => {
    const replacing =
      (turn: Turnstile): Routes =>
      (app) => {
        app.post('/replace/:how', async (req, res) => {
          const session = sessionIn(req);
          await turn.pass();
          session.mine = 1;
          if (req.params.how === 'reauthenticate') await session.reauthenticate();
          else if (req.params.how === 'identity') session.userId = 7;
          else await session.signIn('ada', { keep: ['mine', 'theirs'] });
          res.json({ id: session.id });
        });
        app.post('/change', async (req, res) => {
          const session = sessionIn(req);
          await turn.pass();
          session.theirs = 1;
          res.json({ id: session.id });
        });
      };
    const points = ['before replace', 'after replace', 'before update', 'after update'] as const;

    describe.each(['reauthenticate', 'identity', 'sign-in-that-keeps'])('%s', (how) => {
      it.each(points)('keeps the change or does not acknowledge it, with the other request %s', async (point) => {
        const innerTurn = new Turnstile();
        const [stopped, whole] = [await stage.app(replacing(turnstile)), await stage.another(replacing(innerTurn))];
        const one = await signedIn(stopped, 'ada');
        const two = bearing(whole, tokenOf(one));
        const [side, method] = point.split(' ') as ['before' | 'after', 'replace' | 'update'];
        const [replace, change] = [`/replace/${how}`, '/change'];
        // Both have loaded the session. One is stopped in its store call, and the other runs whole meanwhile.
        const outer = one.post(method === 'replace' ? replace : change);
        const inner = two.post(method === 'replace' ? change : replace);
        await Promise.all([turnstile.holding(1), innerTurn.holding(1)]);
        stage.faulty[side](method, () => {
          innerTurn.open();
          return inner;
        });
        turnstile.open();
        const [first, second] = await Promise.all([outer, inner]);
        const [replaced, changed] = method === 'replace' ? [first, second] : [second, first];
        expect(replaced.status).toBe(200);
        expect([200, 401]).toContain(changed.status);
        expect(changed.setCookies).toEqual([]);
        const winner = method === 'replace' ? one : two;
        const data = await dataOf(winner);
        expect(data).toMatchObject({ mine: 1 });
        if (changed.status === 200) expect(data).toMatchObject({ theirs: 1 });
      });
    });
  });
});

const lmdb = storeKinds.find(({ name }) => name === 'lmdb');

describe.runIf(lmdb)('G1, no lost update between processes', () => {
  it('two processes that write the same session through one folder keep every change', async () => {
    const stage = await openStage(lmdb as (typeof storeKinds)[number]);
    const child = await startChildApp(stage.opened.folder ?? '');
    try {
      const app = await stage.app();
      const here = app.client();
      await here.post('/put', { body: { first: 1 } });
      const there = bearing(child, tokenOf(here));
      const answers = await Promise.all(
        numbers.map((n) => (n % 2 === 0 ? here : there).post('/put', { body: { [`k${n}`]: n } })),
      );
      expect(answers.map(({ status }) => status)).toEqual(numbers.map(() => 200));
      expect(await dataOf(here)).toEqual({ first: 1, ...Object.fromEntries(numbers.map((n) => [`k${n}`, n])) });
      there.close();
    } finally {
      await child.close();
      await stage.clear();
    }
  });
});
