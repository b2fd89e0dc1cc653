import { expect } from 'vitest';
import type { Client } from '../support/client.js';
import { ada, postForm, type SessionView, sessionView, sharedDemo, signIn } from '../support/demo.js';
import { shows } from './shows.js';

const asDelivered = sharedDemo();
/** Short enough to wait for. The demo takes its limits from the environment. */
const quick = sharedDemo({ IDLE: '3s', ABSOLUTE: '8s' });
const soonStale = sharedDemo({ FRESH: '1s' });

interface TimeLeft {
  readonly alive: boolean;
  readonly expiresInMs: number;
  readonly endsInMs: number;
}
const timeLeft = async (client: Client): Promise<TimeLeft> => (await client.get('/session/time-left')).json<TimeLeft>();
const isIn = async (client: Client): Promise<boolean> => (await sessionView(client)).owner !== null;

/** Asks until the answer is as wanted; the tests' own limit ends it otherwise. */
async function until<Answer>(
  ask: () => Answer | Promise<Answer>,
  wanted: (answer: Answer) => boolean,
): Promise<Answer> {
  for (;;) {
    const answer = await ask();
    if (wanted(answer)) return answer;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

shows(
  'ASVS-7.1.1 NIST-5.2-warning',
  'the limits are those that are documented, one hour and 24 hours, and can be asked for',
  async () => {
    const client = asDelivered().client();
    await signIn(client);
    const left = await timeLeft(client);
    expect(left.expiresInMs).toBeGreaterThan(59 * 60_000);
    expect(left.expiresInMs).toBeLessThanOrEqual(60 * 60_000);
    expect(left.endsInMs).toBeGreaterThan(24 * 3_600_000 - 60_000);
    expect(left.endsInMs).toBeLessThanOrEqual(24 * 3_600_000);
  },
);

shows(
  'ASVS-7.3.1 NIST-5.1-timeout NIST-5.2-limits WSTG-SESS-07',
  'a session that is not used ends on the server, and polling is no use',
  async () => {
    const client = quick().client();
    await signIn(client);
    const copy = client.copy();
    let longest = 0;
    const last = await until(
      async () => {
        const left = await timeLeft(client);
        // It only ever falls: asking moves nothing.
        if (longest > 0) expect(left.expiresInMs).toBeLessThanOrEqual(longest);
        longest = left.expiresInMs;
        return left;
      },
      ({ alive }) => !alive,
    );
    expect(last).toMatchObject({ expiresInMs: 0, endsInMs: 0 });
    // The browser still has the cookie; the server decides.
    expect(client.jar.size).toBe(1);
    expect([await isIn(client), await isIn(copy)]).toEqual([false, false]);
    copy.close();
  },
);

shows(
  'ASVS-7.3.2 NIST-5.1-timeout NIST-5.2-limits WSTG-SESS-07',
  'use moves the idle limit, and not the absolute one',
  async () => {
    const client = quick().client();
    /** What was said of the session each time that it was used, until it was over. */
    const used = async (): Promise<SessionView[]> => {
      await signIn(client);
      const views: SessionView[] = [];
      await until(
        () => sessionView(client),
        (view) => {
          if (view.owner !== null) views.push(view);
          return view.owner === null;
        },
      );
      return views;
    };
    // On a machine that stands still for long, nobody uses it in time: then once more, until the absolute limit ends it.
    const views = await until(used, (seen) => {
      const last = seen.at(-1);
      return last !== undefined && last.expiresAt === last.endsAt && last.expiresAt !== seen[0]?.expiresAt;
    });
    expect(new Set(views.map(({ endsAt }) => endsAt)).size).toBe(1);
    const moves = views.map(({ expiresAt }) => Date.parse(expiresAt ?? ''));
    expect(moves).toEqual([...moves].sort((a, b) => a - b));
    expect(await timeLeft(client)).toMatchObject({ alive: false });
  },
);

shows('NIST-5.2-reauthentication', 'proving again who they are starts both limits anew', async () => {
  const client = asDelivered().client();
  await signIn(client);
  const limits = async () => {
    const { authenticatedAt, expiresAt, endsAt } = await sessionView(client);
    const [proved = 0, expires = 0, ends = 0] = [authenticatedAt, expiresAt, endsAt].map((at) => Date.parse(at ?? ''));
    return { proved, expires, absoluteMs: ends - proved };
  };
  const before = await limits();
  await until(Date.now, (now) => now > before.proved);
  expect((await postForm(client, '/confirm', { password: ada.password })).status).toBe(303);
  const after = await limits();
  expect(after.proved).toBeGreaterThan(before.proved);
  expect(after.expires).toBeGreaterThan(before.expires);
  expect(after.absoluteMs).toBe(24 * 60 * 60_000);
});

shows(
  'ASVS-7.5.1 ASVS-7.5.2',
  'once the sign-in is old, the password and other devices can be touched only after confirming',
  async () => {
    const client = soonStale().client();
    await signIn(client);
    const form = { headers: { accept: 'text/html' } };
    const sent = await until(
      () => client.get('/password', form),
      ({ status }) => status === 303,
    );
    expect(sent.headers.location).toMatch(/^\/confirm\?next=/);
    for (const [path, fields] of [
      ['/password', { password: 'something else', again: 'something else' }],
      ['/devices/sign-out-others', {}],
      ['/account/close', {}],
    ] as const) {
      const answer = await postForm(client, path, fields as Record<string, string>);
      expect([answer.status, answer.headers.location ?? ''], path).toEqual([303, expect.stringMatching(/^\/confirm/)]);
    }
    // The old password still signs in, so nothing was changed.
    expect((await signIn(soonStale().client())).status).toBe(303);
    expect((await postForm(client, '/confirm', { password: 'wrong' })).status).toBe(401);
    expect((await postForm(client, '/confirm', { password: ada.password, next: '/password' })).headers.location).toBe(
      '/password',
    );
  },
);
