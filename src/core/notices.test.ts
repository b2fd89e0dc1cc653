import { beforeEach, describe, expect, test } from 'vitest';
import { type Deferred, deferred } from '../../test/support/deferred.js';
import { FakeClock } from '../../test/support/fake-clock.js';
import type { SessionId } from './ids.js';
import { leaseMs, Notices } from './notices.js';
import type { SessionStore } from './store.js';

/** A link in the test's hand: each beat waits until the test answers it. */
class Link {
  readonly beats: Deferred<void>[] = [];
  watches = 0;
  closed = 0;
  failing = false;
  tell: (id: SessionId | 'all') => void = () => undefined;

  readonly store = {
    watch: async (onChange: (id: SessionId | 'all') => void) => {
      this.watches++;
      if (this.failing) throw new Error('not now');
      this.tell = onChange;
      return {
        read: () => undefined,
        heartbeat: () => {
          const beat = deferred();
          this.beats.push(beat);
          return beat.promise;
        },
        close: () => void this.closed++,
      };
    },
  } as unknown as SessionStore;
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

let clock: FakeClock;
let link: Link;
let notices: Notices;
let heard: (SessionId | 'all')[];
let needed: boolean;

beforeEach(() => {
  clock = new FakeClock();
  link = new Link();
  notices = new Notices(link.store, clock);
  heard = [];
  needed = true;
  notices.add({ heard: (id) => heard.push(id), needsNotices: () => needed });
});

async function up(): Promise<void> {
  notices.wake();
  await turn();
  link.beats[0]?.resolve();
  await turn();
}

describe('the lease', () => {
  test('holds for 2 s from the send time of the last answered beat, whenever the answer came', async () => {
    notices.wake();
    await turn();
    expect(notices.isFresh()).toBe(false);
    clock.advance(400);
    link.beats[0]?.resolve();
    await turn();
    expect(notices.isFresh()).toBe(true);
    clock.advance(leaseMs - 400);
    expect(notices.isFresh()).toBe(true);
    clock.advance(1);
    expect(notices.isFresh()).toBe(false);
  });

  test('is renewed often enough that a working link never lapses, though each answer takes 1.4 s', async () => {
    await up();
    for (let at = 0; at < 20_000; at += 100) {
      const due = clock.monotonic() - 1_400;
      for (let i = 0; i < link.beats.length; i++) if (i * 500 <= due) link.beats[i]?.resolve();
      await turn();
      expect([at, notices.isFresh()]).toEqual([at, true]);
      clock.advance(100);
    }
  });

  test.each<[string, () => void]>([
    ['the process was stopped', () => clock.advance(leaseMs + 1)],
    ['the machine slept, and the monotonic clock with it', () => clock.stepWall(leaseMs + 1)],
    ['the wall clock was set back', () => clock.stepWall(-1)],
    [
      'the wall clock was set back and has caught up since',
      () => {
        clock.stepWall(-leaseMs);
        clock.advance(leaseMs + 500);
      },
    ],
  ])('is not held when %s', async (_, happens) => {
    await up();
    happens();
    expect(notices.isFresh()).toBe(false);
  });

  test('ends at once when a beat fails, which may have lost notices; the next answer begins it anew', async () => {
    await up();
    heard = [];
    clock.advance(500);
    link.beats[1]?.reject(new Error('gone'));
    await turn();
    expect(notices.isFresh()).toBe(false);
    expect(heard).toEqual(['all']);
    clock.advance(500);
    link.beats[2]?.resolve();
    await turn();
    expect(notices.isFresh()).toBe(true);
  });
});

describe('the link', () => {
  test('is not opened before anybody relies on it, nor beaten when nobody does any more', async () => {
    needed = false;
    notices.wake();
    await turn();
    expect(link.watches).toBe(0);
    needed = true;
    await up();
    needed = false;
    clock.advance(60_000);
    expect(clock.pending).toBe(0);
    expect(link.beats).toHaveLength(1);
    needed = true;
    notices.wake();
    expect(link.beats).toHaveLength(2);
  });

  test('that could not be had is asked for again, once a second', async () => {
    link.failing = true;
    notices.wake();
    await turn();
    for (let i = 0; i < 20; i++) {
      clock.advance(500);
      await turn();
    }
    expect(link.watches).toBe(11);
    link.failing = false;
    clock.advance(1_000);
    await turn();
    expect(notices.link).toBeDefined();
  });

  test('that answers no beat for 4 s is given up for a new one, and what it says later counts for nothing', async () => {
    await up();
    for (let i = 0; i < 10; i++) {
      clock.advance(500);
      await turn();
    }
    expect([link.closed, link.watches]).toEqual([1, 2]);
    expect(heard.filter((id) => id === 'all').length).toBeGreaterThanOrEqual(2);
    const last = link.beats.length - 1;
    for (const beat of link.beats.slice(0, last)) beat.resolve();
    await turn();
    expect(notices.isFresh()).toBe(false);
    link.beats[last]?.resolve();
    await turn();
    expect(notices.isFresh()).toBe(true);
  });

  test('hands what it hears to all, and is closed with them', async () => {
    await up();
    heard = [];
    link.tell('some-id' as SessionId);
    expect(heard).toEqual(['some-id']);
    await notices.close();
    expect([link.closed, clock.pending, notices.isFresh()]).toEqual([1, 0, false]);
    notices.wake();
    expect(clock.pending).toBe(0);
  });
});
