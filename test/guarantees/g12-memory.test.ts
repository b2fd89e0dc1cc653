import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OwnerHash, SessionId } from '../../src/core/ids.js';
import { newId, newVersion } from '../../src/core/token.js';
import { cookieValues } from '../../src/http/cookie.js';
import { memoryStore, type SessionError } from '../../src/index.js';
import { sessionIn, startApp, type TestApp } from '../support/app.js';
import { type Deferred, deferred } from '../support/deferred.js';
import { FakeClock } from '../support/fake-clock.js';
import { bearing, everyVerb, signedIn, tokenOf } from '../support/routes.js';
import { type Spy, spyOn } from '../support/spy-store.js';
import { type OpenStore, storeKinds } from '../support/stores.js';

describe('G12, memory is bounded: what a request makes', () => {
  it('can be collected when it is over, however it ended', async () => {
    const report = await new Promise<{ made: number; alive: number; timers: number }>((resolve, reject) => {
      const script = fileURLToPath(new URL('../support/memory-child.ts', import.meta.url));
      const child = fork(script, ['150'], { execArgv: ['--expose-gc', '--import', 'tsx'] });
      child.once('message', (message) => resolve(message as never));
      child.once('error', reject);
      child.once('exit', () => reject(new Error('the child ended without a report')));
    });
    expect(report.made).toBeGreaterThan(2_000);
    // The last few are held by the machinery of sockets and by the stack.
    expect(report.alive).toBeLessThan(60);
    expect(report.timers).toBe(0);
  });
});

describe.each(storeKinds)('G12, memory is bounded: signals on $name', (kind) => {
  let opened: OpenStore;
  let clock: FakeClock;
  let spy: Spy;
  let app: TestApp;
  let reading: Deferred;
  let released: Deferred;
  let closed: Deferred;

  beforeEach(async () => {
    opened = await kind.open();
    clock = new FakeClock();
    spy = spyOn(opened.store);
    [reading, released, closed] = [deferred(), deferred(), deferred()];
    app = await startApp(
      (target, sessions) => {
        target.get('/watch', (req, res) => {
          void sessionIn(req).info.signal;
          res.send('watched');
          closed.resolve();
        });
        target.get('/late', (req, res) => {
          res.on('finish', () => {
            void sessionIn(req).info.signal;
            closed.resolve();
          });
          res.send('sent');
        });
        everyVerb(target, sessions);
      },
      { store: spy.store, clock },
    );
  });
  afterEach(async () => {
    await app.close();
    await opened.remove();
  });

  it('a thousand requests that asked for one leave no timer behind', async () => {
    const client = await signedIn(app, 'ada');
    await spy.settled();
    const timers = clock.pending;
    for (let round = 0; round < 20; round++) {
      await Promise.all(Array.from({ length: 50 }, () => client.get('/watch')));
    }
    await spy.settled();
    expect(clock.pending).toBe(timers);
  });

  it('one that was asked for after the response leaves none either', async () => {
    const client = await signedIn(app, 'ada');
    await spy.settled();
    const timers = clock.pending;
    await client.get('/late');
    await closed.promise;
    await spy.settled();
    expect(clock.pending).toBe(timers);
  });

  it('nor does one of a request whose client had gone before the store answered', async () => {
    const client = await signedIn(app, 'ada');
    await spy.settled();
    const timers = clock.pending;
    spy.around = async (operation, run) => {
      if (operation === 'read') {
        reading.resolve();
        await released.promise;
      }
      return run();
    };
    const gone = bearing(app, tokenOf(client));
    const hungUp = new Promise<void>((resolve) =>
      app.server.once('request', (_req, res) => res.once('close', resolve)),
    );
    const answer = gone.get('/watch').catch(() => 'gone');
    await reading.promise;
    gone.close();
    expect(await answer).toBe('gone');
    await hungUp;
    released.resolve();
    spy.around = undefined;
    await closed.promise;
    await spy.settled();
    expect(clock.pending).toBe(timers);
  });
});

describe('G12, memory is bounded: the memory store', () => {
  const record = (owner?: OwnerHash, size = 100) => ({
    bytes: new Uint8Array(size),
    version: newVersion(),
    idleDeadline: Date.now() + 60_000,
    ...(owner === undefined ? {} : { owner }),
  });
  const full = (run: () => unknown): string | undefined => {
    try {
      run();
    } catch (error) {
      return (error as SessionError).code;
    }
    return undefined;
  };
  const kept = (store: ReturnType<typeof memoryStore>): SessionId[] => {
    const ids: SessionId[] = [];
    let cursor: string | undefined;
    do {
      const page = store.scan(cursor);
      ids.push(...page.entries.map(({ id }) => id));
      cursor = page.cursor;
    } while (cursor !== undefined);
    return ids;
  };

  it('a flood of strangers evicts strangers, and nobody who is signed in', () => {
    const store = memoryStore({ maxSessions: 100 });
    const owner = newId() as string as OwnerHash;
    const owned = Array.from({ length: 60 }, () => newId());
    for (const id of owned) store.create(id, record(owner), { now: 0, startedAt: 0 });
    for (let i = 0; i < 5_000; i++) store.create(newId(), record());
    const ids = kept(store);
    expect(ids).toHaveLength(100);
    expect(ids).toEqual(expect.arrayContaining(owned));
    expect(store.listByOwner(owner)).toHaveLength(60);
  });

  it('full of people it refuses the next, with the code that is not a fault', () => {
    const store = memoryStore({ maxSessions: 10 });
    const owner = newId() as string as OwnerHash;
    for (let i = 0; i < 10; i++) store.create(newId(), record(owner));
    expect(full(() => store.create(newId(), record(owner)))).toBe('ERR_SESSION_STORE_FULL');
    expect(full(() => store.create(newId(), record()))).toBe('ERR_SESSION_STORE_FULL');
    expect(kept(store)).toHaveLength(10);
  });

  it('counts bytes as well, also those that a session grows by', () => {
    const store = memoryStore({ maxBytes: 100_000 });
    for (let i = 0; i < 1_000; i++) store.create(newId(), record(undefined, 5_000));
    expect(kept(store).length).toBeLessThanOrEqual(100_000 / 5_000);
    const id = newId();
    const owned = memoryStore({ maxBytes: 100_000 });
    const first = record(newId() as string as OwnerHash);
    owned.create(id, first);
    expect(full(() => owned.update(id, record(undefined, 200_000), first.version))).toBe('ERR_SESSION_STORE_FULL');
  });

  it('remembers as many endings as sessions, and forgets the oldest first', () => {
    const store = memoryStore({ maxSessions: 50 });
    const ids = Array.from({ length: 1_000 }, () => newId());
    for (const id of ids) {
      store.create(id, record());
      store.end(id, { reason: 'signed-out', at: 1, keepUntil: Number.MAX_SAFE_INTEGER });
    }
    const remembered = ids.filter((id) => store.read(id) !== undefined);
    expect(remembered).toEqual(ids.slice(-50));
  });
});

describe('G12, memory is bounded: on the way in', () => {
  it('a cookie header gives at most 8 values, and takes time in proportion to its length', () => {
    expect(cookieValues('sid=a; '.repeat(10_000), 'sid')).toHaveLength(8);
    expect(cookieValues(';'.repeat(1_000_000), 'sid')).toEqual([]);
    expect(cookieValues(`${' '.repeat(200_000)}sid=a${'\t'.repeat(200_000)}`, 'sid')).toEqual(['a']);
    expect(cookieValues('x sid='.repeat(100_000), 'sid')).toEqual([]);
    // Blanks in front of each of many names: looked back over once each, not all of them each time.
    expect(cookieValues(`${' '.repeat(1_000)}sid=a; `.repeat(1_000), 'sid')).toHaveLength(8);
  });

  it('data over the limit is refused, whatever it is made of', async () => {
    const app = await startApp(everyVerb, { maxDataBytes: 1_000 });
    const client = app.client();
    for (const body of [
      { a: 'x'.repeat(1_000) },
      { a: Array(600).fill(1) },
      Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`key${i}`, 1])),
    ]) {
      const answer = await client.post('/put', { body });
      expect(answer.status).toBe(500);
      expect(answer.json<{ code: string }>().code).toBe('ERR_SESSION_DATA_TOO_LARGE');
      expect(answer.setCookies).toEqual([]);
    }
    await app.close();
  });

  it('the user agent that is kept is cut to 256 characters', async () => {
    const app = await startApp(everyVerb);
    await app.client().post('/sign-in/ada', { headers: { 'user-agent': 'x'.repeat(10_000) } });
    expect((await app.sessions.list('ada'))[0]?.userAgent).toHaveLength(256);
    await app.close();
  });

  it('a listener that was removed hears nothing more', async () => {
    const app = await startApp(everyVerb);
    const heard: string[] = [];
    const off = app.sessions.on((event) => heard.push(event.type));
    await app.client().post('/put', { body: { a: 1 } });
    off();
    await app.client().post('/put', { body: { a: 1 } });
    expect(heard.filter((type) => type === 'created')).toHaveLength(1);
    await app.close();
  });

  it('a line for the developer is said once, however often its reason comes up', async () => {
    const app = await startApp(everyVerb);
    for (let i = 0; i < 50; i++) {
      await app.client().get('/me', { headers: { 'x-forwarded-proto': 'https' } });
      await app.client().post('/put', { body: { a: 1 }, headers: { 'x-forwarded-proto': 'https' } });
    }
    expect(app.lines.length).toBeLessThanOrEqual(2);
    await app.close();
  });
});
