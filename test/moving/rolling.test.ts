/** Old instances are replaced one by one, under load, by ours: processes of their own, on a real Redis, behind a switch. */
import { type ChildProcess, fork } from 'node:child_process';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client } from '../support/client.js';
import { needs } from '../support/needs.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';

const redisServer = needs('redis-server');

interface Instance {
  readonly port: number;
  underWay: number;
  idle: (() => void) | undefined;
  stop(): Promise<void>;
}

/** Hands each request to the next instance in turn. */
class Switch {
  readonly targets: Instance[] = [];
  readonly server: Server = createServer((req, res) => {
    const target = this.targets[this.#next++ % this.targets.length] as Instance;
    target.underWay++;
    const over = () => {
      if (--target.underWay === 0) target.idle?.();
    };
    const sent = request(
      { port: target.port, host: '127.0.0.1', method: req.method, path: req.url, headers: req.headers, agent: false },
      (answer) => {
        res.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
        answer.pipe(res);
        answer.once('close', over);
      },
    );
    sent.once('error', (error) => {
      over();
      res.destroy(error);
    });
    req.pipe(sent);
  });
  #next = 0;

  /** No request goes there any more; those under way have been answered when it resolves. */
  async withdraw(instance: Instance): Promise<void> {
    this.targets.splice(this.targets.indexOf(instance), 1);
    if (instance.underWay > 0) {
      await new Promise<void>((resolve) => {
        instance.idle = resolve;
      });
    }
    await instance.stop();
  }
}

async function start(which: 'old' | 'new', redis: RedisServer): Promise<Instance> {
  const child: ChildProcess = fork(fileURLToPath(new URL('./instance.ts', import.meta.url)), [which, `${redis.port}`], {
    execArgv: ['--import', 'tsx'],
    env: { ...process.env, NODE_ENV: 'test' },
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const port = await new Promise<number>((resolve, reject) => {
    child.once('message', (said) => resolve(Number(said)));
    void exited.then(() => reject(new Error('the instance ended before it listened')));
  });
  return {
    port,
    underWay: 0,
    idle: undefined,
    async stop() {
      child.disconnect();
      await exited;
    },
  };
}

interface Me {
  readonly which: 'old' | 'new';
  readonly who?: string;
}

describe.runIf(redisServer)('a rolling deployment from express-session with connect-redis', () => {
  let redis: RedisServer;
  const balancer = new Switch();
  let origin: string;
  const spare: Instance[] = [];

  beforeAll(async () => {
    redis = await startRedis(redisServer ?? '');
    balancer.targets.push(...(await Promise.all([start('old', redis), start('old', redis)])));
    spare.push(...(await Promise.all([start('new', redis), start('new', redis)])));
    await new Promise<void>((resolve) => balancer.server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(balancer.server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    balancer.server.closeAllConnections();
    balancer.server.close();
    for (const instance of [...balancer.targets, ...spare]) await instance.stop();
    await redis.stop();
  });

  it('answers no request of a signed-in person as a stranger’s, and a sign-out on a new instance is final there', async () => {
    const wrong: unknown[] = [];
    const seen = { old: 0, new: 0 };
    const people = await Promise.all(
      Array.from({ length: 6 }, async (_, n) => {
        const client = new Client(origin);
        expect((await client.post(`/sign-in/person-${n}`)).status).toBe(200);
        return client;
      }),
    );
    let isOver = false;
    const asks = people.map(async (client, n) => {
      for (let round = 0; !isOver; round++) {
        // Three at once, as a page load sends them.
        const answers = await Promise.all([
          client.get('/me'),
          client.get('/me'),
          client.post('/put', { body: { [`r${round % 5}`]: round } }),
        ]);
        for (const answer of answers) {
          const { which, who } =
            answer.status === 200 ? answer.json<Me>() : { which: 'new' as const, who: answer.text };
          seen[which]++;
          if (who !== `person-${n}`) wrong.push({ n, round, which, status: answer.status, who });
        }
      }
    });
    /** Until every one of the kind has had so many more requests. */
    const load = async (which: 'old' | 'new', more: number) => {
      const until = seen[which] + more;
      while (seen[which] < until) await new Promise((resolve) => setImmediate(resolve));
    };

    await load('old', 60);
    const [first, second] = balancer.targets as [Instance, Instance];
    const fresh = spare.shift() as Instance;
    balancer.targets.push(fresh);
    await balancer.withdraw(first);
    await load('new', 60);
    await load('old', 60);

    // Both kinds run. Who signs in on either is known on both; who signs out on a new one is gone there.
    const newcomer = new Client(`http://127.0.0.1:${second.port}`);
    expect((await newcomer.post('/sign-in/newcomer')).json<Me>().which).toBe('old');
    const there = new Client(`http://127.0.0.1:${fresh.port}`, newcomer.jar);
    expect((await there.get('/me')).json<Me>()).toEqual({ which: 'new', who: 'newcomer' });
    const copies = [there.copy(), new Client(`http://127.0.0.1:${fresh.port}`, newcomer.jar)];
    const backOnOld = new Client(`http://127.0.0.1:${second.port}`, newcomer.jar);
    expect((await there.post('/sign-out')).status).toBe(200);
    expect([...there.jar.keys()]).toEqual([]);
    for (const copy of copies) expect((await copy.get('/me')).json<Me>()).toEqual({ which: 'new' });
    expect((await backOnOld.get('/me')).json<Me>()).toEqual({ which: 'old' });

    balancer.targets.push(spare.shift() as Instance);
    await balancer.withdraw(second);
    await load('new', 120);
    isOver = true;
    await Promise.all(asks);
    expect(wrong).toEqual([]);
    // Final on the instance that came later, too.
    const [, last] = balancer.targets as [Instance, Instance];
    for (const { jar } of copies) {
      const late = new Client(`http://127.0.0.1:${last.port}`, jar);
      expect((await late.get('/me')).json<Me>()).toEqual({ which: 'new' });
    }
  });
});
