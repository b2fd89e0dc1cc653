/**
 * An app in a process of its own, while its store's server or the link to it fails in every way that can be made here. A
 * file of tests for each server, so that they wait for their deadlines at the same time.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Me } from '../support/routes.js';
import { runTime } from '../support/run-time.js';
import { faultsOf } from './faults.js';
import { openScene, type Scene } from './scene.js';
import type { Backend } from './servers.js';
import { answered, expectOneClearError, expectUnharmed, recovered, refused, signIn } from './witness.js';

export function outagesOf(backend: Backend): void {
  describe.runIf(backend.available)(backend.title, () => outages(backend));
}

function outages(backend: Backend): void {
  let scene: Scene;
  beforeAll(async () => {
    scene = await openScene(backend);
  });
  afterAll(() => scene?.close());

  describe.each(faultsOf(backend).map((fault) => [fault.name, fault] as const))('when %s', (_, fault) => {
    it('a request gets one clear 503 within the deadline, public pages live, no memory answers for it for long, and it comes back without a restart', async () => {
      let ada = await signIn(scene);
      const loses = fault.comesBack === 'empty';
      await fault.strike(scene);
      // Those that are under way together, before anybody knows.
      const struck = runTime();
      const [write, page, stranger] = await Promise.all([
        answered(ada.post('/count')),
        answered(ada.get('/public')),
        answered(scene.client().get('/public')),
      ]);
      expectOneClearError(write);
      expect([page.status, stranger.status]).toEqual([200, 200]);
      await refused(ada, struck);
      // Those that come while it is known.
      for (let round = 0; round < 2; round++) {
        expectOneClearError(await answered(ada.get('/me')));
        expectOneClearError(await answered(ada.post('/count')));
        expect((await answered(ada.get('/public'))).status).toBe(200);
        expectOneClearError(await answered(scene.client().post('/put', { body: { stray: round } })));
      }
      await fault.heal(scene);
      const { owner, data } = (await recovered(ada)).json<Me>();
      expect(owner).toBe(loses ? undefined : 'ada');
      if (loses) ada = await signIn(scene);
      // What was acknowledged is there; of what was refused, nothing twice: three tries at most.
      else expect([1, 2, 3, 4]).toContain(data.count);
      const before = loses ? 1 : Number(data.count);
      const next = (await answered(ada.post('/count'))).json<{ count: number }>().count;
      expect([before + 1, before + 2]).toContain(next);
      expectUnharmed(scene);
    });
  });

  it.runIf(backend.remembers)(
    'a session in memory answers safe requests on a silent link for at most 2 s, and unsafe ones not at all',
    async () => {
      const ada = await signIn(scene);
      scene.link.stall();
      const struck = runTime();
      expect((await answered(ada.get('/me'))).status).toBe(200);
      await refused(ada, struck);
      expectOneClearError(await answered(ada.post('/me')));
      scene.link.heal();
      await recovered(ada);
      expectUnharmed(scene);
    },
  );

  it('an answer that is lost after its command ran: the change is made once, whatever the client then does', async () => {
    const ada = await signIn(scene);
    for (let before = 1; before <= 3; before++) {
      const lost = scene.link.loseReplyTo((sent) => backend.update.test(sent.toString('latin1')));
      const [answer] = await Promise.all([answered(ada.post('/count')), lost]);
      if (answer.status !== 200) expectOneClearError(answer);
      const { data } = (await recovered(ada)).json<Me>();
      expect(data.count).toBe(before + 1);
    }
    expectUnharmed(scene);
  });

  it('a sign-in whose answer is lost leaves one session or none, and no cookie of a session that may not be', async () => {
    const ada = await signIn(scene);
    for (const [round, command] of [...backend.signIn, ...backend.signIn, ...backend.signIn].entries()) {
      const visitor = scene.client();
      const lost = scene.link.loseReplyTo((sent) => command.test(sent.toString('latin1')));
      const [answer] = await Promise.all([answered(visitor.post(`/sign-in/grace-${round}`)), lost]);
      expect(answer.setCookies).toHaveLength(answer.status === 200 ? 1 : 0);
      if (answer.status !== 200) expectOneClearError(answer);
      await recovered(ada);
      const { ended } = (await answered(visitor.post(`/revoke-all/grace-${round}`))).json<{ ended: number }>();
      expect(answer.status === 200 ? [1] : [0, 1]).toContain(ended);
    }
    expectUnharmed(scene);
  });

  it('a slow link that is within the deadline only takes longer', async () => {
    const ada = await signIn(scene);
    scene.link.delay(100, 'up', 'down');
    expect((await answered(ada.post('/count'))).json()).toEqual({ count: 2 });
    expect((await answered(ada.get('/me'))).json<Me>().data.count).toBe(2);
    scene.link.heal();
    expectUnharmed(scene);
  });
}
