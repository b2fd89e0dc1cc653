/** Two verbs of one request, neither awaited: the response waits for both, and says what came of them. */
import { describe, expect, it, test } from 'vitest';
import { SessionError } from '../../src/core/errors.js';
import { memoryStore } from '../../src/stores/memory.js';
import { BareRequest, type LooseSession, newEngine, opened, tokenOf } from '../support/bare-request.js';
import { FakeClock } from '../support/fake-clock.js';
import { StoppableStore } from '../support/stoppable-store.js';
import { begun } from './race.js';
import { beginning, idleMs, type Verb, verbs } from './verbs.js';

/** Without `reload`, whose purpose is to drop what the other verb is about to store. */
const own = verbs.filter(({ name }) => !/^(revoke|expiry|reload)/.test(name));
/** Without what asks for somebody who is signed in, and is refused at once. */
const ofStrangers = own.filter(({ name }) => !/^(reauthenticate|elevate|credential)/.test(name));

async function both(a: Verb, b: Verb, later: boolean, fresh: boolean): Promise<string | undefined> {
  const clock = new FakeClock();
  const memory = memoryStore({ clock });
  const engine = newEngine(new StoppableStore(memory, { later }).store, { clock, idle: `${idleMs}ms` });
  const start = fresh ? undefined : await begun(engine);
  const request = await BareRequest.open(engine, start);
  const failures: unknown[] = [];
  const blunders: unknown[] = [];
  const outcome = await request.answer((it) => {
    if (fresh) Object.assign(it.session, beginning());
    for (const [verb, who] of [
      [a, 'A'],
      [b, 'B'],
    ] as const) {
      // The handler hears of nothing: only the response does.
      const work = (async () => verb.run(it, who, { engine, clock }))();
      work.catch((error: unknown) => {
        if (error instanceof SessionError) failures.push(error);
        // A handler that goes on with an ended session finds it empty and frozen: its own affair, and not one of src/.
        else if (/^\s+at .*\/src\//.test(String((error as Error).stack).split('\n')[1] ?? '')) blunders.push(error);
      });
    }
  });
  const token = tokenOf(outcome) ?? start;
  const data = token === undefined ? undefined : await opened(engine, token);
  const live = memory.scan().entries.length;
  if (blunders.length > 0) return `a verb failed by itself: ${blunders[0]}`;
  // Without a session some verbs fail at once, and their handler has heard of it before there is an answer.
  if (outcome.acked && failures.length > 0 && !fresh) return 'the client was told that all went well';
  if (live > 1) return `${live} sessions live`;
  if (outcome.acked && (a.ends || b.ends)) {
    if (live > 0 || (fresh ? token !== undefined : outcome.cookie !== 'clear'))
      return 'a session that this request ended lives, or its cookie does';
  } else if (outcome.acked && fresh) {
    // An empty session has no token: it is not stored.
    if (live > 0 && !data) return 'a session is stored whose token nobody has';
  } else if (outcome.acked && (a.replaces || b.replaces)) {
    if (!data || token === start) return 'the new session has no token';
    if (await opened(engine, start as string)) return 'the old token opens a session';
  } else if (outcome.acked && !data) return 'the session is gone';
  return undefined;
}

describe.each([
  [false, false],
  [false, true],
  [true, false],
  [true, true],
])(
  'a response waits for the verbs of its request, with a store that answers later: %s, without a session before: %s',
  (later, fresh) => {
    const those = fresh ? ofStrangers : own;
    test.each(those)(
      '"$name" and any other verb that nobody awaits leave one session, one token and no false answer',
      async (verb) => {
        const broken: string[] = [];
        for (const other of those) {
          const why = await both(verb, other, later, fresh);
          if (why !== undefined) broken.push(`${other.name}: ${why}`);
        }
        expect(broken).toEqual([]);
      },
    );
  },
);

it('a sign-out ends the sign-in before it, also where a session was stored between the two', async () => {
  for (const stop of [1, 2, 3, 4]) {
    for (const side of ['before', 'after'] as const) {
      const memory = memoryStore();
      const slow = new StoppableStore(memory, { later: true });
      const engine = newEngine(slow.store);
      const request = await BareRequest.open(engine, undefined);
      slow.stopAt(stop, side);
      const answer = request.answer(async ({ session }) => {
        session.cart = 1;
        const saved = session.save();
        const signedIn = session.signIn('ada');
        signedIn.catch(() => {});
        await saved;
        await session.signOut();
        await signedIn.catch(() => {});
      });
      for (let turn = 0; turn < 20; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
      slow.go();
      const outcome = await answer;
      expect(tokenOf(outcome), `stopped ${side} call ${stop}`).toBeUndefined();
      expect(memory.scan().entries, `stopped ${side} call ${stop}`).toHaveLength(0);
    }
  }
});

describe('a verb that is called first comes first, and is done to whom it was called for', () => {
  it.each(['reauthenticate', 'elevate', 'credentialChanged'] as const)('%s', async (verb) => {
    const clock = new FakeClock();
    const engine = newEngine(new StoppableStore(memoryStore({ clock }), { later: true }).store, { clock });
    const call = (session: LooseSession) => (verb === 'elevate' ? session.elevate({ scope: 'pay' }) : session[verb]());
    const told = (work: Promise<void>) =>
      work.then(
        () => 'done',
        (error: SessionError) => error.code,
      );
    const start = await begun(engine);
    const signedOut: string[] = [];
    const first = await BareRequest.open(engine, start);
    const outcome = await first.answer(async ({ session }) => {
      signedOut.push(...(await Promise.all([told(call(session)), told(session.signOut())])));
    });
    expect(signedOut).toEqual(['done', 'done']);
    expect(outcome.cookie).toBe('clear');
    expect(await opened(engine, start)).toBeUndefined();

    // What begins in the very millisecond of a changed credential is barred with what began before it.
    clock.advance(1);
    // Somebody else's sign-in comes in between: bob gets no scope of ada's, and keeps his other sessions.
    const elsewhere = await BareRequest.open(engine, undefined);
    const bobs = tokenOf(await elsewhere.answer(({ session }) => session.signIn('bob'))) as string;
    const second = await BareRequest.open(engine, await begun(engine));
    const changed: string[] = [];
    await second.answer(async ({ session }) => {
      changed.push(...(await Promise.all([told(session.signIn('bob')), told(call(session))])));
      expect(session.info).toMatchObject({ owner: 'bob', scopes: [] });
    });
    expect(changed).toEqual(['done', 'ERR_SESSION_ENDED']);
    expect(await opened(engine, bobs)).toBeDefined();
  });
});

it.each(['signIn', 'regenerate'] as const)('update() changes what the %s before it has begun', async (verb) => {
  const engine = newEngine(new StoppableStore(memoryStore(), { later: true }).store);
  const request = await BareRequest.open(engine, undefined);
  const outcome = await request.answer(async ({ session }) => {
    session.cart = 1;
    void session.save();
    void (verb === 'signIn' ? session.signIn('ada') : session.regenerate());
    await session.update((data) => void Object.assign(data, { n: 1 }));
  });
  expect(await opened(engine, tokenOf(outcome) as string)).toEqual({ n: 1 });
});

it('a verb that fails at once tells its callback, as one that fails later does', async () => {
  const engine = newEngine(memoryStore());
  const request = await BareRequest.open(engine, await begun(engine));
  await request.answer(async ({ session }) => {
    await session.signOut();
    for (const verb of ['reload', 'save', 'regenerate'] as const) {
      const error = await new Promise((resolve) => session[verb](resolve));
      expect(error, verb).toMatchObject({ code: 'ERR_SESSION_ENDED' });
    }
  });
});
