/** A poll that asks the store behind memory's back tells what it heard, and does nothing else with it. */
import { describe, expect, it, onTestFinished } from 'vitest';
import type { SessionOptions, TimeLeft } from '../../src/index.js';
import { memoryStore } from '../../src/stores/memory.js';
import { sessionIn, startApp } from '../support/app.js';
import { FakeClock } from '../support/fake-clock.js';
import { bearing, everyVerb, type Me, signedIn, tokenOf } from '../support/routes.js';

/** The same store on a link whose notices are still under way. */
function withLateNotices(memory: ReturnType<typeof memoryStore>): ReturnType<typeof memoryStore> {
  return new Proxy(memory, {
    get(_, name) {
      if (name === 'watch') return () => memory.watch(() => {});
      const member: unknown = Reflect.get(memory, name);
      return typeof member === 'function' ? member.bind(memory) : member;
    },
  });
}

describe('an answer on the time left, where memory has not heard yet of what another instance did', () => {
  async function instances(options: SessionOptions = {}) {
    const clock = new FakeClock();
    const memory = memoryStore({ clock });
    const routes: Parameters<typeof startApp>[0] = (app, sessions) => {
      // As passport does, and many a logger: it looks at the session before the route is known.
      app.get('/looked-at/time-left', (req, _res, next) => {
        void sessionIn(req).owner;
        next();
      });
      app.get('/looked-at/time-left', sessions.timeLeft());
      app.get('/poll', sessions.background(), (req, res) => res.json({ owner: sessionIn(req).info.owner }));
      everyVerb(app, sessions);
    };
    const shared = { clock, cache: true, idle: '10m', ...options } as const;
    const here = await startApp(routes, { ...shared, store: memory });
    const there = await startApp(routes, { ...shared, store: withLateNotices(memory) });
    onTestFinished(async () => {
      for (const app of [here, there]) await app.close();
    });
    const client = await signedIn(here, 'ada');
    await client.post('/put', { body: { a: 1 } });
    const away = bearing(there, tokenOf(client));
    /** The session lies in that instance's memory, ready to answer. */
    const fromMemory = async (): Promise<void> => {
      const hits = () => there.sessions.cacheStatistics().hits;
      for (let tries = 0, before = hits(); hits() === before; tries++) {
        if (tries === 20) throw new Error('memory never answered');
        await away.get('/poll');
      }
    };
    return { clock, here, client, away, fromMemory };
  }
  const given = (lines: readonly string[]) => lines.filter((line) => !/Max-Age=0/.test(line));

  it('brings back no session that was revoked', async () => {
    const { here, client, away, fromMemory } = await instances();
    await fromMemory();
    expect(await here.sessions.revokeAll('ada')).toBe(1);
    const answer = await away.get('/looked-at/time-left');
    expect(answer.json<TimeLeft>()).toMatchObject({ alive: false, signedIn: false, endedReason: 'revoked' });
    expect(given(answer.setCookies)).toEqual([]);
    expect((await client.get('/me')).json<Me>()).not.toHaveProperty('owner');
    expect(await here.sessions.count('ada')).toBe(0);
  });

  it('writes nothing old over what another instance has stored', async () => {
    const { client, away, fromMemory } = await instances();
    await fromMemory();
    await client.post('/put', { body: { b: 2 } });
    expect((await away.get('/looked-at/time-left')).json<TimeLeft>()).toMatchObject({ alive: true });
    expect((await client.get('/me')).json<Me>().data).toEqual({ a: 1, b: 2 });
  });

  it('hands out no new token, however long it is that the page only polls', async () => {
    const { clock, away, fromMemory } = await instances({ renewEvery: '1m' });
    for (let minute = 0; minute < 9; minute++) {
      clock.advance(60_000);
      await fromMemory();
      expect(given((await away.get('/looked-at/time-left')).setCookies)).toEqual([]);
    }
    clock.advance(60_000);
    expect((await away.get('/looked-at/time-left')).json<TimeLeft>()).toMatchObject({ alive: false });
  });
});
