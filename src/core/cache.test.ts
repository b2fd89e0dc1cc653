import { beforeEach, describe, expect, test } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.js';
import { SessionCache } from './cache.js';
import type { Stored } from './handle.js';
import type { SessionId } from './ids.js';
import { Notices } from './notices.js';
import { resolveEngineOptions } from './options.js';
import type { RecordHeader } from './record.js';
import type { SessionStore } from './store.js';
import { newId, newSecret, newVersion } from './token.js';

const clock = new FakeClock();
const hourMs = 3_600_000;
const secretHash = new Uint8Array(32);

const stored = (bytes = 10, id = newId()): Stored => ({
  id,
  version: newVersion(),
  idleDeadline: clock.now() + hourMs,
  header: {
    createdAt: clock.now(),
    absoluteDeadline: clock.now() + 24 * hourMs,
    idleMs: hourMs,
    secretHash,
  } as RecordHeader,
  data: new Uint8Array(0),
  sealed: new Uint8Array(bytes),
});
const token = (id: SessionId = newId()) => ({ id, secret: newSecret() });

/** A store of which only the link matters; tests call `tell` for its notices. */
function pushing(): { store: SessionStore; tell: (id: SessionId | 'all') => void } {
  let tell: (id: SessionId | 'all') => void = () => undefined;
  const watch = (onChange: typeof tell) => {
    tell = onChange;
    return { read: () => undefined, heartbeat: () => undefined, close: () => undefined };
  };
  return { store: { watch } as unknown as SessionStore, tell: (id) => tell(id) };
}

let cache: SessionCache;
let tell: (id: SessionId | 'all') => void;

function open(options: { maxSessions?: number; maxBytes?: number } = {}, on = true): void {
  const link = pushing();
  const notices = new Notices(link.store, clock);
  cache = new SessionCache(on, notices, resolveEngineOptions({ clock, cache: options }));
  cache.vouches(undefined, undefined, clock.now());
  notices.wake();
  tell = link.tell;
}

const answers = (text: string, tag?: string) => cache.vouches(cache.ofToken(text), tag, clock.now());

/** As a safe request does it: a read on the link, and a token that fits. */
function read(text: string, what = stored(), tag?: string): Stored {
  cache.answered(cache.asks(what.id, tag), what);
  cache.verified(text, token(what.id), what);
  return what;
}

beforeEach(() => open());

describe('an opened session in memory answers', () => {
  test('once a read on the link confirmed it, for the whole token only', () => {
    read('token');
    expect(answers('token')).toBe(true);
    expect(answers('other')).toBe(false);
  });

  test('not before: what was opened or written without the link only saves work', () => {
    const one = stored();
    cache.verified('token', token(one.id), one);
    expect(answers('token')).toBe(false);
    read('token', one);
    cache.wrote({ ...one, version: newVersion(), sealed: new Uint8Array(10) });
    expect(cache.ofToken('token')).toBeDefined();
    expect(answers('token')).toBe(false);
  });

  test.each<[string, (id: SessionId) => void]>([
    ['a notice for it', (id) => tell(id)],
    ['a notice for all', () => tell('all')],
    ['a write of this process', (id) => cache.changed(id)],
    ['its end in this process', (id) => cache.forget(id)],
  ])('not after %s, until it is read again', (_, happens) => {
    const { id } = read('token');
    read('other');
    happens(id);
    expect(answers('token')).toBe(false);
    read('token', stored(10, id));
    expect(answers('token')).toBe(true);
  });

  test.each<[string, (id: SessionId) => void]>([
    ['a notice for it', (id) => tell(id)],
    ['a notice for all', () => tell('all')],
    ['a write of this process', (id) => cache.changed(id)],
  ])('not from a read that %s overtook, nor from an older one beside it', (_, happens) => {
    const one = stored();
    const [first, second] = [cache.asks(one.id, undefined), cache.asks(one.id, 'later')];
    happens(one.id);
    for (const asking of [first, second]) cache.answered(asking, one);
    cache.verified('token', token(one.id), one);
    expect(answers('token')).toBe(false);
    expect(cache.statistics().overtaken).toBe(2);
  });

  test('a notice for another session changes nothing', () => {
    read('token');
    const one = stored();
    const asking = cache.asks(one.id, undefined);
    tell(newId());
    cache.answered(asking, one);
    cache.verified('other', token(one.id), one);
    expect([answers('token'), answers('other')]).toEqual([true, true]);
  });

  test('until the deadline that the store has acknowledged, to the millisecond', () => {
    const one = read('token', { ...stored(), idleDeadline: clock.now() + 5_000 });
    cache.touched(one.id, one.idleDeadline + 5);
    cache.touched(one.id, one.idleDeadline + 1);
    clock.advance(5_004);
    expect(answers('token')).toBe(true);
    clock.advance(1);
    expect(answers('token')).toBe(false);
    expect(cache.statistics().asked.expired).toBe(1);
  });

  test('the first request with a tag never, the next ones with it once the store was asked on its account', () => {
    const { id } = read('token');
    expect(answers('token', 'tag')).toBe(false);
    read('token', stored(10, id));
    expect(answers('token', 'tag')).toBe(false);
    read('token', stored(10, id), 'tag');
    expect([answers('token', 'tag'), answers('token'), answers('token', 'other')]).toEqual([true, true, false]);
    read('token', stored(10, id), '');
    expect(answers('token', '')).toBe(false);
  });

  test('nothing at all where the store does not push or the option is off', () => {
    open({}, false);
    read('token');
    expect(answers('token')).toBe(false);
    expect(cache.ofToken('token')).toBeDefined();
    expect(cache.statistics().state).toBe('off');
  });
});

describe('a token is good for an entry', () => {
  test('as long as the hash of its secret is the same, and not after', () => {
    const one = read('token');
    cache.wrote({ ...one, version: newVersion(), header: { ...one.header } });
    expect(cache.ofToken('token')).toBeDefined();
    cache.wrote({ ...one, version: newVersion(), header: { ...one.header, secretHash: newSecret() } });
    expect(cache.ofToken('token')).toBeUndefined();
    expect(cache.of(one.id)?.token).toBeUndefined();
  });

  test('and a successor takes its place', () => {
    const one = read('token');
    cache.verified('successor', token(one.id), one);
    expect(cache.ofToken('token')).toBeUndefined();
    expect(answers('successor')).toBe(true);
  });
});

describe('a read under way is shared', () => {
  const answer = Promise.resolve('found');
  const begin = (id: SessionId, tag?: string) => Object.assign(cache.asks(id, tag), { answer });

  test('by requests without a tag and by those with the tag for which it was begun', async () => {
    const id = newId();
    const asking = begin(id, 'tag');
    expect(await cache.joinable(id, undefined)).toBe('found');
    expect(await cache.joinable(id, 'tag')).toBe('found');
    expect(cache.joinable(id, 'other')).toBeUndefined();
    expect(cache.joinable(newId(), undefined)).toBeUndefined();
    cache.answered(asking, undefined);
    expect(cache.joinable(id, undefined)).toBeUndefined();
  });

  test.each<[string, (id: SessionId) => void]>([
    ['a notice', (id) => tell(id)],
    ['a notice for all', () => tell('all')],
    ['a write of this process', (id) => cache.changed(id)],
    ['2 s of the monotonic clock', () => clock.advance(2_001)],
    ['2 s of the wall clock, while the machine slept', () => clock.stepWall(2_001)],
    ['a wall clock that was set back', () => clock.stepWall(-1)],
  ])('not after %s', (_, happens) => {
    const id = newId();
    begin(id);
    happens(id);
    expect(cache.joinable(id, undefined)).toBeUndefined();
  });
});

describe('what is kept is bounded', () => {
  test('by count: those not used since the last look go first, the oldest before the others', () => {
    open({ maxSessions: 100 });
    for (let i = 0; i < 100; i++) read(`token ${i}`);
    for (let i = 0; i < 50; i++) expect(answers(`token ${i}`)).toBe(true);
    for (let i = 100; i < 150; i++) read(`token ${i}`);
    expect(cache.statistics().sessions).toBe(100);
    for (let i = 0; i < 150; i++)
      expect([i, cache.ofToken(`token ${i}`) !== undefined]).toEqual([i, i < 50 || i >= 100]);
    for (let i = 150; i < 400; i++) read(`token ${i}`);
    expect(cache.ofToken('token 0')).toBeUndefined();
    expect(cache.statistics().sessions).toBe(100);
  });

  test('by bytes, also when sessions grow under the same token', () => {
    const ids = Array.from({ length: 200 }, (_, i) => read(`token ${i}`).id);
    for (const [i, id] of ids.entries()) read(`token ${i}`, stored(64 * 1024 * 4, id));
    expect(cache.statistics().bytes).toBeLessThanOrEqual(32 * 1024 * 1024);
    expect(cache.statistics().sessions).toBeLessThan(100);
  });

  test('what is gone weighs nothing', () => {
    read('big', stored(40 * 1024 * 1024));
    cache.forget(read('ended').id);
    expect(cache.statistics()).toMatchObject({ sessions: 0, bytes: 0 });
    expect(cache.ofToken('ended')).toBeUndefined();
  });
});
