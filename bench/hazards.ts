/**
 * `npm run bench:hazards`: the same express-session app with connect-redis and with HoldfastStore, on one real Redis, and
 * what each loses. Overlaps are made by holding handlers, not by luck: each number is what happens when requests do
 * overlap. The tests in test/express-session demand the right-hand column; this prints both.
 *
 *   --tries <n>   sessions for each overlap (default 200)
 */
import { parseArgs } from 'node:util';
import { RedisStore } from 'connect-redis';
import type { SessionOptions, Store } from 'express-session';
import { createClient } from 'redis';
import { HoldfastStore } from '../src/express-session/index.js';
import { redisStore } from '../src/stores/redis.js';
import { testSecret } from '../test/support/app.js';
import type { Client } from '../test/support/client.js';
import { done, type ExpressSessionApp, sessionIn, startExpressSession } from '../test/support/express-session-app.js';
import { findProgram } from '../test/support/programs.js';
import { type RedisServer, startRedis } from '../test/support/redis-server.js';
import { versionOf } from './prepare.js';

const { values } = parseArgs({ options: { tries: { type: 'string', default: '200' } } });
const tries = Number(values.tries);
const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

async function connect(port: number) {
  const client = createClient({ socket: { host: '127.0.0.1', port } });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

type RedisConnection = Awaited<ReturnType<typeof connect>>;
type Make = (client: RedisConnection) => Store;

const stores: Record<string, Make> = {
  'connect-redis': (client) => new RedisStore({ client }),
  HoldfastStore: (client) => new HoldfastStore({ store: redisStore({ client }), secret: testSecret }),
};

/** A server, a connection and an app for one question. */
async function asked<T>(
  make: Make,
  question: (app: ExpressSessionApp, server: RedisServer) => Promise<T>,
  options: Partial<SessionOptions> = {},
): Promise<T> {
  const server = await startRedis(findProgram('redis-server') ?? 'redis-server');
  const client = await connect(server.port);
  const app = await startExpressSession(make(client), options, (app) => {
    // As in the snippet that every tutorial has: the identity first, and then a new session.
    app.get('/snippet', async (req, res) => {
      sessionIn(req).userId = 'ada';
      await done((callback) => req.session.regenerate(callback));
      res.json({});
    });
    app.post('/bigint', (req, res) => {
      sessionIn(req).big = 1n;
      res.json({});
    });
  });
  try {
    return await question(app, server);
  } finally {
    await app.close();
    client.destroy();
    await server.stop();
  }
}

async function signedIn(app: ExpressSessionApp): Promise<Client> {
  const client = app.client();
  await client.post('/sign-in/ada');
  return client;
}

async function keysKept(app: ExpressSessionApp): Promise<number> {
  const client = await signedIn(app);
  const slow = numbers(50).map((n) => client.copy().post('/slow/put', { body: { [`key${n}`]: n } }));
  await app.turnstile.holding(50);
  app.turnstile.open();
  await Promise.all(slow);
  const kept = (await client.get('/me')).json<Record<string, unknown>>();
  return numbers(50).filter((n) => kept[`key${n}`] === n).length;
}

async function keysKeptOften(app: ExpressSessionApp): Promise<string> {
  const counts: number[] = [];
  for (let round = 0; round < 20; round++) counts.push(await keysKept(app));
  counts.sort((a, b) => a - b);
  return `${counts[0]} / ${counts[10]} / ${counts[19]}`;
}

const returned =
  (slow: (client: Client) => Promise<unknown>, end = '/sign-out') =>
  async (app: ExpressSessionApp): Promise<string> => {
    let alive = 0;
    for (let begun = 0; begun < tries; begun += 50) {
      const clients = await Promise.all(numbers(Math.min(50, tries - begun)).map(() => signedIn(app)));
      const late = clients.map((client) => slow(client.copy()));
      await app.turnstile.holding(clients.length);
      const stale = clients.map((client) => client.copy());
      await Promise.all(clients.map((client) => client.post(end)));
      app.turnstile.open();
      await Promise.allSettled(late);
      for (const client of stale) {
        if ((await client.get('/me')).json<{ userId?: string }>().userId !== undefined) alive++;
      }
    }
    return `${alive} of ${tries}`;
  };

const write = (client: Client) => client.post('/slow/put', { body: { late: true } });
const read = (client: Client) => client.get('/slow/read');

async function snippet(app: ExpressSessionApp): Promise<string> {
  const client = app.client();
  await client.get('/snippet');
  return (await client.get('/me')).json<{ userId?: string }>().userId === undefined ? 'no' : 'yes';
}

const patienceMs = 6_000;

/** The status and when it came, or that none came. */
async function answerTo(ask: () => Promise<{ readonly status: number }>): Promise<string> {
  const began = performance.now();
  const none = new Promise<undefined>((resolve) => void setTimeout(() => resolve(undefined), patienceMs).unref());
  const answer = await Promise.race([ask().catch(() => ({ status: 0 })), none]);
  if (!answer) return `hangs (over ${patienceMs / 1_000} s)`;
  const seconds = ((performance.now() - began) / 1_000).toFixed(1);
  return `${answer.status === 0 ? 'connection cut' : answer.status} after ${seconds} s`;
}

async function killed(app: ExpressSessionApp, server: RedisServer): Promise<string> {
  const client = await signedIn(app);
  await server.stop();
  const first = await answerTo(() => client.get('/me'));
  return `${first}; the next: ${await answerTo(() => client.copy().get('/me'))}`;
}

async function frozen(app: ExpressSessionApp, server: RedisServer): Promise<string> {
  const client = await signedIn(app);
  server.pause();
  const first = await answerTo(() => client.get('/me'));
  return `${first}; the next: ${await answerTo(() => client.copy().get('/me'))}`;
}

const overwritten =
  (value: string) =>
  async (app: ExpressSessionApp, server: RedisServer): Promise<string> => {
    const client = await signedIn(app);
    for (const key of (await server.command('KEYS', '*')) as string[]) {
      if (await server.command('TYPE', key).then((type) => type === 'string')) await server.command('SET', key, value);
    }
    return answerTo(() => client.get('/me'));
  };

async function bigint(app: ExpressSessionApp): Promise<string> {
  const client = await signedIn(app);
  return answerTo(() => client.post('/bigint'));
}

type Question = (app: ExpressSessionApp, server: RedisServer) => Promise<string>;

const hazards: readonly [what: string, question: Question, options?: Partial<SessionOptions>][] = [
  ['50 requests at once each set a key of their own: keys kept (min / median / max of 20)', keysKeptOften],
  ['sign-out while a slow request writes: signed in again', returned(write)],
  ['the same, the slow request only reads, `resave: true`', returned(read), { resave: true }],
  ['the same, the slow request only reads, `rolling: true`', returned(read), { rolling: true }],
  ['regenerate while a slow request with the old id writes: old id alive', returned(write, '/regenerate')],
  ['identity first, then `regenerate`: signed in afterwards', snippet],
  ['Redis killed: a request with a cookie', killed],
  ['Redis frozen (SIGSTOP): a request with a cookie', frozen],
  ['record overwritten with bad JSON', overwritten('{"cookie":')],
  ['record overwritten with a number', overwritten('7')],
  ['record whose `originalMaxAge` is text', overwritten('{"cookie":{"originalMaxAge":"x"}}')],
  ['a handler stores a BigInt', bigint],
];

const names = Object.keys(stores);
console.log(
  ['express-session', 'connect-redis', 'redis', 'express'].map((name) => `${name} ${versionOf(name)}`).join(', '),
);
console.log(`Node ${process.versions.node}, a Redis server of its own for each cell\n`);
console.log(`| hazard | ${names.join(' | ')} |`);
console.log(`|---|${names.map(() => '---|').join('')}`);
for (const [what, question, options] of hazards) {
  const cells: string[] = [];
  for (const make of Object.values(stores)) cells.push(await asked(make, question, options));
  console.log(`| ${what} | ${cells.join(' | ')} |`);
}
process.exit();
