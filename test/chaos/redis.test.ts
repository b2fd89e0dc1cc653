/** What only Redis does to an app: a server that is full, and a replica that takes over. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { needs } from '../support/needs.js';
import { type RedisServer, startReplica } from '../support/redis-server.js';
import type { Me } from '../support/routes.js';
import { openScene, type Scene } from './scene.js';
import { redisBackends } from './servers.js';
import { answered, expectOneClearError, expectUnharmed, readOnly, recovered, signIn } from './witness.js';

const binary = needs('redis-server');

describe.runIf(binary).each(redisBackends.map((backend) => [backend.title, backend] as const))('%s', (_, backend) => {
  let scene: Scene<RedisServer>;
  beforeAll(async () => {
    scene = await openScene(backend);
  });
  afterAll(() => scene.close());

  it('a server that is full refuses what is new with a clear 503, and goes on reading and ending', async () => {
    const leaving = await signIn(scene);
    const staying = scene.client();
    await answered(staying.post('/sign-in/grace'));
    await scene.server.command('CONFIG', 'SET', 'maxmemory', '1');
    try {
      const refused = await answered(leaving.post('/count'));
      expect([refused.status, refused.json<{ code: string }>().code]).toEqual([503, 'ERR_SESSION_STORE_FULL']);
      const stranger = await answered(scene.client().post('/put', { body: { a: 1 } }));
      expect([stranger.status, stranger.setCookies]).toEqual([503, []]);
      // Full is not down: others are not turned away for it.
      expect((await answered(staying.get('/me'))).json<Me>().owner).toBe('grace');
      expect((await answered(leaving.post('/signOut'))).status).toBe(200);
      expect((await answered(leaving.get('/guarded'))).status).toBe(401);
    } finally {
      await scene.server.command('CONFIG', 'SET', 'maxmemory', '0');
    }
    expect((await answered(staying.post('/count'))).status).toBe(200);
    expectUnharmed(scene);
  });

  it('a failover: while the new server is still a replica, writes get a clear 503; once it is promoted, all is there', async () => {
    const ada = await signIn(scene);
    const replica = await startReplica(binary ?? '', scene.server);
    try {
      await scene.server.command('WAIT', '1', '0');
      await scene.server.kill();
      scene.link.lead(replica.port);
      expectOneClearError(await readOnly(ada));
      await replica.command('REPLICAOF', 'NO', 'ONE');
      expect((await recovered(ada)).json<Me>()).toMatchObject({ owner: 'ada', data: { count: 1 } });
      expect((await answered(ada.post('/count'))).json()).toEqual({ count: 2 });
    } finally {
      await scene.server.restart();
      scene.link.lead(scene.server.port);
      await replica.stop();
    }
    await recovered(ada);
    expectUnharmed(scene);
  });
});
