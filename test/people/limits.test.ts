import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { memoryStore, type SessionError, type SessionOptions, session } from '../../src/index.js';
import { sessionIn, type TestApp, testSecret } from '../support/app.js';
import type { Client } from '../support/client.js';
import { bearing, type Me, signedIn, tokenOf } from '../support/routes.js';
import { openStage, type Stage } from '../support/stage.js';
import { storeKinds } from '../support/stores.js';

type Opens = (options: SessionOptions) => Promise<TestApp>;

const minute = 60_000;
const crowd = 20;
const limit = 3;

describe.each(storeKinds)('at most so many sessions of one person: $name', (kind) => {
  let stage: Stage;
  beforeEach(async () => {
    stage = await openStage(kind);
  });
  afterEach(() => stage.clear());

  const isIn = async (client: Client) => (await client.get('/guarded')).status === 200;

  it.each(['evict-oldest', 'reject'] as const)(
    `${crowd} sign-ins at once in two processes with a limit of ${limit} (%s): never more than ${limit} are alive`,
    async (onExceed) => {
      const options = { maxPerOwner: { limit, onExceed } };
      const apps = [await stage.app(undefined, options), await stage.another(undefined, options)] as const;
      const clients = Array.from({ length: crowd }, (_, n) => apps[n % 2 === 0 ? 0 : 1].client());
      const counts: number[] = [];
      const answers = await Promise.all(
        clients.map(async (client) => {
          const answer = await client.post('/sign-in/ada', { body: {} });
          counts.push(await apps[0].sessions.count('ada'));
          return answer.status;
        }),
      );
      expect(Math.max(...counts)).toBeLessThanOrEqual(limit);
      const alive = await Promise.all(clients.map(isIn));
      expect(alive.filter(Boolean)).toHaveLength(limit);
      if (onExceed === 'reject') {
        expect(answers.filter((status) => status === 200)).toHaveLength(limit);
        expect(answers.filter((status) => status === 403)).toHaveLength(crowd - limit);
        const refusals = apps.flatMap(({ events }) => events.filter(({ type }) => type === 'sign-in-refused'));
        expect(refusals).toHaveLength(crowd - limit);
      } else {
        expect(answers.filter((status) => status === 200)).toHaveLength(crowd);
      }
    },
  );

  it('the oldest goes, and its browser is told why', async () => {
    const app = await stage.app(undefined, { maxPerOwner: 2 });
    const clients = [await signedIn(app, 'ada'), await signedIn(app, 'ada'), await signedIn(app, 'ada')];
    expect(await Promise.all(clients.map(isIn))).toEqual([false, true, true]);
    expect((await clients[0]?.get('/me'))?.json<Me>().endedReason).toBe('evicted');
  });

  /** Sessions that are over by what only their sealed record, or the configuration by now, says of them. */
  const overBy: Record<string, (open: Opens) => Promise<readonly [app: TestApp, live: Client]>> = {
    'a shorter cookie.maxAge of theirs': async (open) => {
      const app = await open({});
      const live = await signedIn(app, 'ada');
      for (let n = 0; n < 2; n++) expect((await (await signedIn(app, 'ada')).post('/short')).status).toBe(200);
      return [app, live];
    },
    'an idle limit that was shortened since': async (open) => {
      const before = await open({ idle: '1h', maxPerOwner: undefined });
      for (let n = 0; n < 2; n++) await signedIn(before, 'ada');
      stage.clock.advance(50 * 60_000);
      const app = await open({ idle: '30m' });
      return [app, await signedIn(app, 'ada')];
    },
  };

  it.each(
    Object.keys(overBy).flatMap((why) =>
      (['reject', 'evict-oldest'] as const).map((onExceed) => [why, onExceed] as const),
    ),
  )(
    'sessions that are over by %s neither keep a sign-in out nor cost a live session its place (%s)',
    async (why, onExceed) => {
      const open: Opens = (options) =>
        stage.app(
          (target) => {
            target.post('/short', (req, res) => {
              sessionIn(req).cookie.maxAge = minute;
              res.send('short');
            });
          },
          { maxPerOwner: { limit: 3, onExceed }, ...options },
        );
      const [app, live] = (await overBy[why]?.(open)) ?? [];
      if (!app || !live) throw new Error('no such way');
      stage.clock.advance(minute);
      const second = await signedIn(app, 'ada');
      const third = await signedIn(app, 'ada');
      expect(await Promise.all([live, second, third].map(isIn))).toEqual([true, true, true]);
      expect(await app.sessions.count('ada')).toBe(3);
      // At the limit by now: as it says.
      const fourth = await app.client().post('/sign-in/ada', { body: {} });
      expect(fourth.status).toBe(onExceed === 'reject' ? 403 : 200);
      expect(await Promise.all([live, second, third].map(isIn))).toEqual([onExceed === 'reject', true, true]);
    },
  );

  describe('while a secret is rotated', () => {
    const [older, newer] = [`A${testSecret}`, `B${testSecret}`];
    /** Two of ada's sessions, begun under the older secret, and an app whose newest it is not. */
    async function rotated(onExceed: 'evict-oldest' | 'reject') {
      const maxPerOwner = { limit, onExceed };
      const before = await stage.another(undefined, { maxPerOwner, secret: [older, newer] });
      const early = [await signedIn(before, 'ada')];
      stage.clock.advance(1);
      early.push(await signedIn(before, 'ada'));
      stage.clock.advance(1);
      const after = await stage.app(undefined, { maxPerOwner, secret: [newer, older] });
      return { early, before, after };
    }
    const signIn = async (app: TestApp, client = app.client()) => {
      const { status } = await client.post('/sign-in/ada', { body: {} });
      stage.clock.advance(1);
      return { client, status };
    };

    it('the oldest goes, under whichever it began', async () => {
      const { early, after } = await rotated('evict-oldest');
      const late = [];
      for (let n = 0; n < 4; n++) {
        late.push((await signIn(after)).client);
        expect(await after.sessions.count('ada')).toBe(limit);
        expect(await Promise.all(early.map(isIn))).toEqual([n < 1, n < 2]);
      }
      expect(await Promise.all(late.map(isIn))).toEqual([false, true, true, true]);
      expect((await early[0]?.get('/me'))?.json<Me>().endedReason).toBe('evicted');
    });

    it('those under the older one are enough to refuse a sign-in, and their own next one is not refused', async () => {
      const { early, after } = await rotated('reject');
      expect([(await signIn(after)).status, (await signIn(after)).status]).toEqual([200, 403]);
      const [first, second] = early.map((client) => bearing(after, tokenOf(client)));
      expect((await signIn(after, first)).status).toBe(200);
      expect((await second?.post('/signOut'))?.status).toBe(200);
      expect([(await signIn(after)).status, (await signIn(after)).status]).toEqual([200, 403]);
    });

    it('one who has as many under the older one alone is refused', async () => {
      const { before, after } = await rotated('reject');
      await signIn(before);
      expect((await signIn(after)).status).toBe(403);
      // A store of somebody else's might take a limit of none for none at all.
      expect(stage.faulty.calls.map(({ method }) => method)).not.toContain('create');
    });

    it(`${crowd} sign-ins at once never leave more than ${limit}`, async () => {
      const { after } = await rotated('evict-oldest');
      await Promise.all(Array.from({ length: crowd }, () => after.client().post('/sign-in/ada', { body: {} })));
      expect(await after.sessions.count('ada')).toBe(limit);
    });
  });

  it('a new token for the same session is not one more', async () => {
    const app = await stage.app(undefined, { maxPerOwner: { limit: 1, onExceed: 'reject' } });
    const client = await signedIn(app, 'ada');
    for (const path of ['/reauthenticate', '/elevate/payments', '/credential-changed', '/sign-in/ada']) {
      expect((await client.post(path, { body: {} })).status, path).toBe(200);
      // What begins in the very millisecond of a changed credential is barred with what began before it.
      stage.clock.advance(1);
    }
    expect((await app.client().post('/sign-in/ada', { body: {} })).json()).toMatchObject({ code: 'ERR_SESSION_LIMIT' });
    // Neither is a sign-in that waits for its next step, until it has passed it.
    const pending = app.client();
    expect((await pending.post('/sign-in/ada', { body: { pending: 'mfa' } })).status).toBe(200);
    expect((await pending.post('/sign-in/ada', { body: {} })).status).toBe(403);
    expect(await isIn(client)).toBe(true);
  });

  it('whoever has more than a limit that came later can still prove who they are', async () => {
    const [before, app] = [
      await stage.app(),
      await stage.another(undefined, { maxPerOwner: { limit: 1, onExceed: 'reject' } }),
    ];
    const [one, two] = [await signedIn(before, 'ada'), await signedIn(before, 'ada')];
    for (const path of ['/reauthenticate', '/elevate/payments']) {
      const client = bearing(app, tokenOf(one));
      expect((await client.post(path, { body: {} })).status, path).toBe(200);
      one.jar.set(before.cookieName, tokenOf(client));
    }
    expect(await isIn(two)).toBe(true);
  });
});

it('a limit that the store can not keep stops the start', () => {
  const { listByOwner: _none, ...bound } = Object.fromEntries(
    ['name', 'networked', 'create', 'read', 'update', 'touch', 'end', 'replace', 'listByOwner'].map((name) => {
      const store = memoryStore();
      const member: unknown = Reflect.get(store, name);
      return [name, typeof member === 'function' ? member.bind(store) : member];
    }),
  );
  const start = () => session({ secret: testSecret, store: bound as never, maxPerOwner: 3 });
  expect(start).toThrow(
    expect.objectContaining({ code: 'ERR_SESSION_STORE_CAPABILITY' } satisfies Partial<SessionError>),
  );
});
