/**
 * `npm run bench:revocation`: how long another process goes on accepting a session after the revoking call has answered.
 * Two processes over a Redis server of its own, both holding the session in memory; once idle, once under load.
 *
 *   --tries <n>         revocations of each kind (default 1000)
 *   --connections <n>   of load on each process (default 16)
 *   --pause <ms>        of each of them between two requests (default 20)
 */
import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { needs } from '../test/support/needs.js';
import { startRedis } from '../test/support/redis-server.js';
import { busyLine, machine } from './about.js';
import { repositoryVariable } from './built.js';
import { table } from './markdown.js';
import { repository } from './prepare.js';

const { values: given } = parseArgs({
  options: {
    tries: { type: 'string', default: '1000' },
    connections: { type: 'string', default: '16' },
    pause: { type: 'string', default: '20' },
  },
});

interface Answer {
  readonly status: number;
  readonly cookies: readonly string[];
  readonly body: { readonly fromMemory?: boolean; readonly ended?: boolean; readonly at: number };
}

/** How many revocations run beside each other: enough to end in time, few enough not to be a load themselves. */
const beside = 2;
/** Requests for the session that is revoked, each beside the other: the finer the grain of what is measured. */
const askersEach = 2;

class Instance {
  readonly #agent = new Agent({ keepAlive: true });
  readonly #child: ChildProcess;
  readonly port: number;

  constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  static async start(environment: NodeJS.ProcessEnv): Promise<Instance> {
    const file = new URL('revocation-server.ts', import.meta.url);
    const child = fork(file, { execArgv: ['--import', 'tsx'], env: { ...process.env, ...environment } });
    const [port] = await once(child, 'message');
    return new Instance(child, port);
  }

  ask(method: string, path: string, token?: string): Promise<Answer> {
    const headers = token === undefined ? {} : { cookie: `sid-${this.port}=${token}` };
    return new Promise((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port: this.port, method, path, headers, agent: this.#agent }, (res) => {
        let text = '';
        res.setEncoding('utf8').on('data', (chunk) => {
          text += chunk;
        });
        res.on('end', () =>
          resolve({ status: res.statusCode ?? 0, cookies: res.headers['set-cookie'] ?? [], body: JSON.parse(text) }),
        );
      });
      sent.on('error', reject);
      sent.end();
    });
  }

  async statistics(): Promise<{ hits: number; notices: number }> {
    this.#child.send('statistics');
    const [statistics] = await once(this.#child, 'message');
    return statistics;
  }

  async begin(): Promise<string> {
    const { cookies } = await this.ask('POST', '/begin');
    const value = cookies.find((line) => line.startsWith(`sid-${this.port}=`));
    if (value === undefined) throw new Error('The sign-in set no cookie.');
    return value.slice(value.indexOf('=') + 1, value.indexOf(';'));
  }

  close(): void {
    this.#agent.destroy();
    this.#child.disconnect();
  }
}

interface Outcome {
  /** From the reply of the revoking call until the last safe request arrived that was accepted; 0 if none did. */
  readonly acceptedMs: number;
  /** From that reply until the first one arrived that was refused: no more than the time between two requests later. */
  readonly refusedMs: number;
  readonly unsafeAccepted: boolean;
}

/** All moments are taken in the two processes, by the one monotonic clock of the machine. */
async function revokeOnce(here: Instance, there: Instance): Promise<Outcome> {
  const token = await here.begin();
  // In memory there, and answering from it.
  while ((await there.ask('GET', '/read', token)).body.fromMemory !== true);
  let lastAccepted = 0;
  let firstRefused = Number.POSITIVE_INFINITY;
  const giveUpAt = performance.now() + 20_000;
  const asking = async () => {
    while (firstRefused === Number.POSITIVE_INFINITY) {
      const { status, body } = await there.ask('GET', '/read', token);
      if (status === 401) firstRefused = Math.min(firstRefused, body.at);
      else if (status === 200) lastAccepted = Math.max(lastAccepted, body.at);
      else throw new Error(`The other process answered ${status}.`);
      if (performance.now() > giveUpAt) throw new Error('The other process never refused.');
    }
  };
  const askers = Array.from({ length: askersEach }, asking);
  const revoked = await here.ask('POST', '/revoke', token);
  if (!revoked.body.ended) throw new Error('Nothing was revoked.');
  const unsafe = await there.ask('POST', '/read', token);
  await Promise.all(askers);
  const { at } = revoked.body;
  return {
    acceptedMs: Math.max(0, lastAccepted - at),
    refusedMs: Math.max(0, firstRefused - at),
    unsafeAccepted: unsafe.status !== 401,
  };
}

async function measure(name: string, tries: number, here: Instance, there: Instance): Promise<string[]> {
  const outcomes: Outcome[] = [];
  let left = tries;
  const worker = async () => {
    while (left-- > 0) outcomes.push(await revokeOnce(here, there));
  };
  await Promise.all(Array.from({ length: beside }, worker));
  const quantiles = (times: number[]): string => {
    times.sort((a, b) => a - b);
    const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
    return [0.5, 0.99, 1].map((share) => at(share).toFixed(2)).join(' / ');
  };
  const unsafe = outcomes.filter(({ unsafeAccepted }) => unsafeAccepted).length;
  const accepted = quantiles(outcomes.map(({ acceptedMs }) => acceptedMs));
  const refused = quantiles(outcomes.map(({ refusedMs }) => refusedMs));
  return [name, String(tries), accepted, refused, `${unsafe} of ${tries}`];
}

/** Reads from memory and one write in ten, until the answer is called; says how many there were. */
function load(instances: readonly Instance[], connections: number, pauseMs: number): () => Promise<number> {
  let over = false;
  let requests = 0;
  const worker = async (instance: Instance) => {
    const token = await instance.begin();
    for (let i = 1; !over; i++) {
      const write = i % 10 === 0;
      await instance.ask(write ? 'POST' : 'GET', write ? '/write' : '/read', token);
      requests++;
      await sleep(pauseMs);
    }
  };
  const workers = instances.flatMap((instance) => Array.from({ length: connections }, () => worker(instance)));
  return async () => {
    over = true;
    await Promise.all(workers);
    return requests;
  };
}

const tries = Number(given.tries);
const connections = Number(given.connections);
const pause = Number(given.pause);
if (![tries, connections, pause].every((n) => Number.isInteger(n) && n >= 1 && n <= 10_000))
  throw new Error('--tries, --connections and --pause: expected whole numbers from 1 to 10000.');
const binary = needs('redis-server');
if (binary === undefined) throw new Error('redis-server is not on the PATH; on Debian: npm run services.');
const redis = await startRedis(binary);
const environment = {
  REDIS_PORT: String(redis.port),
  SECRET: randomBytes(32).toString('base64url'),
  [repositoryVariable]: repository,
};
const instances: Instance[] = [];
try {
  instances.push(await Instance.start(environment), await Instance.start(environment));
  const [here, there] = instances as [Instance, Instance];
  console.error(`${machine()}\n${busyLine(loadavg()[0] ?? 0)}`);
  const rows = [await measure('idle', tries, here, there)];
  const before = performance.now();
  const stop = load(instances, connections, pause);
  rows.push(await measure('under load', tries, here, there));
  const seconds = (performance.now() - before) / 1_000;
  const requests = await stop();
  const { hits, notices } = await there.statistics();
  const head = ['', 'tries', 'safe: accepted until', 'safe: refused from', 'unsafe: accepted'];
  console.log(`\n${table([head, ...rows])}\n`);
  console.log(
    `load: ${Math.round(requests / seconds)} requests a second beside it, ${connections} connections to each process`,
  );
  console.log(`the other process: ${hits} answers from memory, ${notices} notices`);
} finally {
  for (const instance of instances) instance.close();
  await redis.stop();
}
