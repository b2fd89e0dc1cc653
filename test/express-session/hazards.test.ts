/** What express-session loses to overlapping requests with its usual stores, and does not lose with this one. */

import type { SessionOptions } from 'express-session';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Client } from '../support/client.js';
import {
  type ExpressSessionApp,
  type Held,
  holdfastStore,
  startExpressSession,
} from '../support/express-session-app.js';
import { type OpenStore, storeKinds } from '../support/stores.js';

const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

describe.each(storeKinds)('express-session over $name', (kind) => {
  let opened: OpenStore;
  let held: Held;
  const apps: ExpressSessionApp[] = [];

  beforeAll(async () => {
    opened = await kind.open();
    held = holdfastStore(opened.store);
  });
  afterAll(async () => {
    for (const app of apps) await app.close();
    await held.store.close();
    await opened.remove();
  });

  const start = async (options: Partial<SessionOptions> = {}): Promise<ExpressSessionApp> => {
    const app = await startExpressSession(held.store, options);
    apps.push(app);
    return app;
  };

  const signedIn = async (app: ExpressSessionApp): Promise<Client> => {
    const client = app.client();
    await client.post('/sign-in/ada');
    return client;
  };

  const isSignedIn = async (client: Client): Promise<boolean> =>
    (await client.get('/me')).json<{ userId?: string }>().userId !== undefined;

  it('50 requests at once that each set a key of their own keep all 50', async () => {
    const app = await start();
    const client = await signedIn(app);
    const slow = numbers(50).map((n) => client.copy().post('/slow/put', { body: { [`key${n}`]: n } }));
    await app.turnstile.holding(50);
    app.turnstile.open();
    for (const answer of await Promise.all(slow)) expect(answer.status).toBe(200);
    const kept = (await client.get('/me')).json<Record<string, unknown>>();
    expect(numbers(50).filter((n) => kept[`key${n}`] === n)).toHaveLength(50);
    expect(app.errors).toEqual([]);
  });

  it('50 requests at once through two processes keep all 50', async () => {
    const app = await start();
    const other = holdfastStore(opened.reopen?.() ?? opened.store, {});
    const second = await startExpressSession(other.store);
    apps.push(second);
    const client = await signedIn(app);
    const slow = numbers(50).map((n) => {
      const tab = n % 2 === 0 ? client.copy() : second.client();
      return tab.post('/slow/put', { body: { [`key${n}`]: n }, cookie: client.cookie });
    });
    await Promise.all([app.turnstile.holding(25), second.turnstile.holding(25)]);
    app.turnstile.open();
    second.turnstile.open();
    for (const answer of await Promise.all(slow)) expect(answer.status).toBe(200);
    expect([...app.errors, ...second.errors]).toEqual([]);
    const kept = (await client.get('/me')).json<Record<string, unknown>>();
    expect(numbers(50).filter((n) => kept[`key${n}`] !== n)).toEqual([]);
  });

  /** Of `tries` sessions, how many are signed in after a slow request ended later than a sign-out. */
  async function resurrections(
    app: ExpressSessionApp,
    tries: number,
    slow: (client: Client) => Promise<unknown>,
    end = '/sign-out',
  ): Promise<number> {
    const clients = await Promise.all(numbers(tries).map(() => signedIn(app)));
    const underWay = clients.map((client) => slow(client.copy()));
    await app.turnstile.holding(tries);
    const stale = clients.map((client) => client.copy());
    await Promise.all(clients.map((client) => client.post(end)));
    app.turnstile.open();
    await Promise.allSettled(underWay);
    const alive = await Promise.all(stale.map(isSignedIn));
    return alive.filter(Boolean).length;
  }

  it.each([
    ['writes', {}, (client: Client) => client.post('/slow/put', { body: { late: true } })],
    ['saves by name', {}, (client: Client) => client.post('/slow/save', { body: { late: true } })],
    ['only reads, with resave', { resave: true }, (client: Client) => client.get('/slow/read')],
    [
      'only reads, with rolling',
      { rolling: true, cookie: { maxAge: 600_000 } },
      (client: Client) => client.get('/slow/read'),
    ],
    [
      'writes, with resave and rolling',
      { resave: true, rolling: true },
      (client: Client) => client.post('/slow/put', { body: { late: true } }),
    ],
  ] as const)(
    'none of 50 sessions comes back by a slow request that %s after its sign-out',
    async (_, options, slow) => {
      expect(await resurrections(await start(options), 50, slow)).toBe(0);
    },
  );

  it('an id that was regenerated stays dead when a slow request writes to it', async () => {
    const slow = (client: Client) => client.post('/slow/put', { body: { late: true } });
    expect(await resurrections(await start(), 50, slow, '/regenerate')).toBe(0);
  });

  it('a request that changes an ended session hears of it when it saves by name', async () => {
    const app = await start();
    const client = await signedIn(app);
    const slow = client.copy().post('/slow/save', { body: { late: true } });
    await app.turnstile.holding(1);
    await client.post('/sign-out');
    app.turnstile.open();
    const answer = await slow;
    expect([answer.status, answer.json<{ code: string }>().code]).toEqual([401, 'ERR_SESSION_ENDED']);
  });
});
