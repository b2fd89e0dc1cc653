/** One of the two processes of `npm run bench:revocation`: holdfast from dist/, on Redis, with its defaults. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createClient } from 'redis';
import { importBuilt } from './built.js';

type Holdfast = typeof import('../src/index.js');
type RedisStores = typeof import('../src/stores/redis.js');

const client = createClient({ socket: { host: '127.0.0.1', port: Number(process.env.REDIS_PORT) } });
client.on('error', () => undefined);
await client.connect();
const { session, sessionOf } = await importBuilt<Holdfast>('.');
const { redisStore } = await importBuilt<RedisStores>('./stores/redis');
const sessions = session({ secret: process.env.SECRET, store: redisStore({ client }), production: false });

/** The machine's monotonic clock, which its processes share. */
const now = (): number => Number(process.hrtime.bigint()) / 1e6;

const server = createServer((req, res) => {
  const at = now();
  sessions(req, res, async (error) => {
    const answer = (status: number, body: object) => {
      res.writeHead(status, { 'content-type': 'application/json' });
      res.end(JSON.stringify(body));
    };
    if (error) return answer(503, { error: String(error) });
    try {
      const own = sessionOf<{ n?: number }>(req);
      if (req.url === '/begin') await own.signIn('ada');
      if (req.url === '/write') own.n = (own.n ?? 0) + 1;
      if (req.url === '/revoke') return answer(200, { ended: await sessions.revoke(own.id), at: now() });
      const fromMemory = sessions.explain(req).because.some((line) => line.includes('from memory'));
      answer(own.info.owner === undefined ? 401 : 200, { fromMemory, at });
    } catch (fault) {
      answer(503, { error: String(fault) });
    }
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.on('message', () => process.send?.(sessions.cacheStatistics()));
process.on('disconnect', () => process.exit());
