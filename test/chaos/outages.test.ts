/**
 * An app in a process of its own, while its store's server or the link to it fails in every way that can be made here.
 * The bounds on time are promises about faults, with room for a busy machine, and no measure of speed.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Answer, Client } from '../support/client.js';
import { needs } from '../support/needs.js';
import { startReplica } from '../support/redis-server.js';
import type { Me } from '../support/routes.js';
import { faults } from './faults.js';
import { deadlineMs, openScene, type Scene } from './scene.js';

const binary = needs('redis-server');

/** A request is answered by then, or it hangs. */
const answeredWithinMs = deadlineMs + 1_500;
/** The promise is 2 s from the server's return. */
const recoveredWithinMs = 2_000 + 1_500;

/** How long a session may be served from memory without the store: by the app's clock, which started a little earlier. */
const cachedForMs = 2_000 + 500;

/** Fails where a request hangs, rather than wait for the test's own limit. */
async function answered(asked: Promise<Answer>, withinMs = answeredWithinMs): Promise<Answer> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${withinMs} ms`)), withinMs);
  });
  try {
    return await Promise.race([asked, late]);
  } finally {
    clearTimeout(timer);
  }
}

describe.runIf(binary).each(['redis', 'ioredis'])('Redis through %s', (kind) => {
  let scene: Scene;
  let ada: Client;
  beforeAll(async () => {
    scene = await openScene(binary ?? '', kind);
  });
  afterAll(() => scene.close());

  const expectUnharmed = () => expect(scene.health()).toEqual({ exit: undefined, stderr: '' });

  async function signIn(): Promise<void> {
    ada = scene.client();
    expect((await answered(ada.post('/sign-in/ada'))).status).toBe(200);
    expect((await answered(ada.post('/count'))).json()).toEqual({ count: 1 });
    // Answers from memory from here on, so that each fault also meets a session that is there.
    for (let hits = await cacheHits(), before = hits; hits === before; hits = await cacheHits()) {
      expect((await answered(ada.get('/me'))).status).toBe(200);
    }
  }

  const cacheHits = async () => (await answered(ada.get('/cache'))).json<{ hits: number }>().hits;

  function expectOneClearError(answer: Answer): void {
    expect([answer.status, answer.json<{ code: string }>().code]).toEqual([503, 'ERR_SESSION_STORE_UNAVAILABLE']);
    expect(answer.setCookies).toEqual([]);
  }

  /** Safe requests may be answered from memory for 2 s after the link was lost, and not after that. */
  async function refused(struck: number): Promise<void> {
    for (;;) {
      const asked = performance.now();
      const answer = await answered(ada.get('/me'));
      if (answer.status !== 200) return expectOneClearError(answer);
      if (asked > struck + cachedForMs) throw new Error(`still answered ${asked - struck} ms after the link was lost`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  /** Asks for a change until a replica has refused it. */
  async function readOnly(): Promise<Answer> {
    for (;;) {
      const answer = await answered(ada.post('/count'));
      if (answer.status !== 503 || answer.text.includes('READONLY')) return answer;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  /** Asks until it works again, by a method that no memory answers, and says what came then. */
  async function recovered(): Promise<Answer> {
    const until = performance.now() + recoveredWithinMs;
    for (;;) {
      const answer = await answered(ada.post('/me'));
      if (answer.status === 200) return answer;
      expectOneClearError(answer);
      if (performance.now() > until) throw new Error(`not back within ${recoveredWithinMs} ms: ${answer.text}`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  describe.each(faults.map((fault) => [fault.name, fault] as const))('when %s', (_, fault) => {
    it('a request gets one clear 503 within the deadline, public pages live, no memory answers for it for long, and it comes back without a restart', async () => {
      await signIn();
      await fault.strike(scene);
      // Those that are under way together, before anybody knows.
      const struck = performance.now();
      const [write, page, stranger] = await Promise.all([
        answered(ada.post('/count')),
        answered(ada.get('/public')),
        answered(scene.client().get('/public')),
      ]);
      expectOneClearError(write);
      expect([page.status, stranger.status]).toEqual([200, 200]);
      await refused(struck);
      // Those that come while it is known.
      for (let round = 0; round < 2; round++) {
        expectOneClearError(await answered(ada.get('/me')));
        expectOneClearError(await answered(ada.post('/count')));
        expect((await answered(ada.get('/public'))).status).toBe(200);
        expectOneClearError(await answered(scene.client().post('/put', { body: { stray: round } })));
      }
      await fault.heal(scene);
      const { owner, data } = (await recovered()).json<Me>();
      expect(owner).toBe(fault.loses ? undefined : 'ada');
      if (fault.loses) await signIn();
      // What was acknowledged is there; of what was refused, nothing twice: three tries at most.
      else expect([1, 2, 3, 4]).toContain(data.count);
      const before = fault.loses ? 1 : Number(data.count);
      const next = (await answered(ada.post('/count'))).json<{ count: number }>().count;
      expect([before + 1, before + 2]).toContain(next);
      expectUnharmed();
    });
  });

  it('a session in memory answers safe requests on a silent link for at most 2 s, and unsafe ones not at all', async () => {
    await signIn();
    scene.link.stall();
    const struck = performance.now();
    expect((await answered(ada.get('/me'))).status).toBe(200);
    await refused(struck);
    expectOneClearError(await answered(ada.post('/me')));
    scene.link.heal();
    await recovered();
    expectUnharmed();
  });

  it('an answer that is lost after its command ran: the change is made once, whatever the client then does', async () => {
    await signIn();
    for (let before = 1; before <= 3; before++) {
      const lost = scene.link.loseReplyTo((sent) => sent.includes('EVALSHA'));
      const [answer] = await Promise.all([answered(ada.post('/count')), lost]);
      if (answer.status !== 200) expectOneClearError(answer);
      const { data } = (await recovered()).json<Me>();
      expect(data.count).toBe(before + 1);
    }
    expectUnharmed();
  });

  it('a sign-in whose answer is lost leaves one session or none, and no cookie of a session that may not be', async () => {
    for (let round = 0; round < 3; round++) {
      const visitor = scene.client();
      const lost = scene.link.loseReplyTo((sent) => sent.includes('EVALSHA'));
      const [answer] = await Promise.all([answered(visitor.post('/sign-in/grace')), lost]);
      expect(answer.setCookies).toHaveLength(answer.status === 200 ? 1 : 0);
      if (answer.status !== 200) expectOneClearError(answer);
      await recovered();
    }
    expectUnharmed();
  });

  it('a server that is full refuses what is new with a clear 503, and goes on reading and ending', async () => {
    await signIn();
    const [leaving, staying] = [ada, scene.client()];
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
    expectUnharmed();
  });

  it('a failover: while the new server is still a replica, writes get a clear 503; once it is promoted, all is there', async () => {
    await signIn();
    const replica = await startReplica(binary ?? '', scene.server);
    try {
      await scene.server.command('WAIT', '1', '0');
      await scene.server.kill();
      scene.link.lead(replica.port);
      expectOneClearError(await readOnly());
      await replica.command('REPLICAOF', 'NO', 'ONE');
      expect((await recovered()).json<Me>()).toMatchObject({ owner: 'ada', data: { count: 1 } });
      expect((await answered(ada.post('/count'))).json()).toEqual({ count: 2 });
    } finally {
      await scene.server.restart();
      scene.link.lead(scene.server.port);
      await replica.stop();
    }
    await recovered();
    expectUnharmed();
  });

  it('a slow link that is within the deadline only takes longer', async () => {
    await signIn();
    scene.link.delay(100, 'up', 'down');
    expect((await answered(ada.post('/count'))).json()).toEqual({ count: 2 });
    expect((await answered(ada.get('/me'))).json<Me>().data.count).toBe(2);
    scene.link.heal();
    expectUnharmed();
  });
});
