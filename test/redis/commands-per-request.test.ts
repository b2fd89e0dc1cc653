/** What a request costs Redis, counted by the server: MONITOR shows each command that came over a connection. */
import express from 'express';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { redisStore } from '../../src/stores/redis.js';
import { sessionIn, startApp, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { binary, type Connection, ioredis, nodeRedis, servers } from './kit.js';

describe.runIf(binary).each([
  ['node-redis', nodeRedis],
  ['ioredis', ioredis],
] as const)('commands for a request, without the cache: %s', (name, connect) => {
  const { all } = servers('standalone');
  let connection: Connection;
  let monitor: ReturnType<typeof createClient>;
  let app: TestApp;
  let client: Client;
  const lines: string[] = [];

  beforeAll(async () => {
    const port = all[0]?.port ?? 0;
    connection = await connect([port]);
    monitor = createClient({ socket: { host: '127.0.0.1', port } });
    await monitor.connect();
    await monitor.monitor((line) => void lines.push(String(line)));
    app = await startApp(
      (target) => {
        target.use(express.json());
        target.all('/look', (req, res) => res.json({ views: sessionIn(req).views }));
        target.post('/put', (req, res) => {
          Object.assign(sessionIn(req), req.body);
          res.json({});
        });
        target.post('/overtaken', async (req, res) => {
          sessionIn(req).mine = req.body.value;
          await client.copy().post('/put', { body: { other: req.body.value } });
          res.json({});
        });
        target.post('/sign-in', async (req, res) => {
          await sessionIn(req).signIn('ada');
          res.json({});
        });
        target.post('/sign-out', async (req, res) => {
          await sessionIn(req).signOut();
          res.json({});
        });
      },
      { store: redisStore({ client: connection.client }) },
    );
    client = app.client();
    // The first call of each script is two commands, until the server knows it.
    for (const turn of [1, 2]) {
      await client.post('/put', { body: { turn } });
      await client.post('/sign-in');
      await client.post('/put', { body: { turn: -turn } });
      await client.post('/sign-out');
    }
    await client.post('/put', { body: { views: 0 } });
  });
  afterAll(async () => {
    await app.close();
    await connection.close();
    monitor.destroy();
  });

  /** The commands that the server got from a connection, not from a script, while `run` ran. */
  async function commandsOf(run: () => Promise<unknown>): Promise<number> {
    const mark = `mark ${Math.random()}`;
    const seen = async (what: string): Promise<number> => {
      await all[0]?.command('ECHO', what);
      for (;;) {
        const at = lines.findIndex((line) => line.includes(what));
        if (at !== -1) return at;
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const from = await seen(`${mark} begin`);
    await run();
    const to = await seen(`${mark} end`);
    const ours = lines.slice(from + 1, to).filter((line) => !/\[\d+ lua\]/.test(line));
    return ours.filter((line) => /\] "(?:get|evalsha|eval)" /i.test(line)).length;
  }

  it('is counted', async () => {
    let value = 0;
    const requests: Record<string, () => Promise<unknown>> = {
      'a stranger': () => app.client().get('/look'),
      'safe, the session is read': () => client.get('/look'),
      'unsafe, nothing changed': () => client.post('/look'),
      'unsafe, changed': () => client.post('/put', { body: { views: ++value } }),
      'unsafe, changed, overtaken once (and the request that overtook it)': () =>
        client.post('/overtaken', { body: { value: ++value } }),
      'sign-in': () => client.post('/sign-in'),
      'sign-out': () => client.post('/sign-out'),
    };
    const counted: Record<string, number> = {};
    for (const [what, run] of Object.entries(requests)) counted[what] = await commandsOf(run);
    console.log(`commands to Redis (${name}): ${JSON.stringify(counted, null, 2)}`);
    expect(counted).toEqual({
      'a stranger': 0,
      'safe, the session is read': 1,
      'unsafe, nothing changed': 1,
      'unsafe, changed': 2,
      'unsafe, changed, overtaken once (and the request that overtook it)': 3 + 2,
      'sign-in': 2,
      'sign-out': 3,
    });
  });
});
