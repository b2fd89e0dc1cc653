import { describe, expect, it } from 'vitest';
import type { SessionId } from '../core/ids.js';
import { Remembered } from './remembered.js';

type Entry = NonNullable<ReturnType<Remembered['of']>>;

const entry = (id: string, bytes = 1): Entry => ({
  ids: [id as SessionId],
  kept: {
    stored: { id, sealed: new Uint8Array(bytes) } as Entry['kept']['stored'],
    texts: { data: '{}', cookie: '{}', expires: null },
  },
});

describe('what is remembered of sessions', () => {
  it('is bounded by count; what came first and was not used since goes first', () => {
    const remembered = new Remembered({ maxSessions: 3, maxBytes: 1e6 });
    for (const sid of ['a', 'b', 'c']) remembered.keep(sid, entry(sid));
    expect(remembered.of('a')).toBeDefined();
    remembered.keep('d', entry('d'));
    expect(['a', 'b', 'c', 'd'].filter((sid) => remembered.of(sid))).toEqual(['a', 'c', 'd']);
  });

  it('is bounded by bytes, also where one alone is too large, and kept again it counts once', () => {
    const remembered = new Remembered({ maxSessions: 1_000, maxBytes: 100_000 });
    for (let n = 0; n < 500; n++) remembered.keep(`s${n % 50}`, entry('s', 1_000));
    expect(remembered.size).toBe(Math.floor(100_000 / (4 * 1_000 + 1_024)));
    remembered.keep('large', entry('large', 50_000));
    expect(remembered.size).toBe(0);
    for (let n = 0; n < 500; n++) remembered.keep('same', entry('same', 1_000));
    expect(remembered.of('same')).toBeDefined();
    remembered.forget('same');
    remembered.forget('same');
    for (let n = 0; n < 500; n++) remembered.keep(`s${n}`, entry('s', 1_000));
    expect(remembered.size).toBe(Math.floor(100_000 / (4 * 1_000 + 1_024)));
  });
});
