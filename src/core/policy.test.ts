import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { deadlinesOf, lifeOf, nextIdleDeadline, nextSecret, scopesAt, standingOf } from './policy.js';
import type { RecordHeader } from './record.js';
import { hashSecret, newSecret } from './token.js';

const minute = 60_000;
const hour = 60 * minute;
const limits = { idleMs: hour, absoluteMs: 24 * hour };
const began = 1_900_000_000_000;

function header(overrides: Partial<RecordHeader> = {}): RecordHeader {
  return {
    aal: 0,
    amr: [],
    createdAt: began,
    absoluteDeadline: began + limits.absoluteMs,
    idleMs: limits.idleMs,
    ownIdle: false,
    ownAbsolute: false,
    persistent: false,
    secretHash: hashSecret(Buffer.alloc(32)),
    secretSince: began,
    previousUntil: 0,
    renewalSeed: Buffer.alloc(32, 7),
    ...overrides,
  };
}

const ms = fc.integer({ min: 1, max: 400 * 24 * hour });
const anyLimits = fc.record({ idleMs: ms, absoluteMs: ms });

describe('deadlines', () => {
  test('end a session at the very moment of the idle or the absolute limit, and not before', () => {
    const deadlines = deadlinesOf(header(), began + hour, limits);
    expect(lifeOf(deadlines, began + hour - 1)).toBe('alive');
    expect(lifeOf(deadlines, began + hour)).toBe('idle-expired');
    const late = deadlinesOf(header(), began + 25 * hour, limits);
    expect(lifeOf(late, began + 24 * hour - 1)).toBe('alive');
    expect(lifeOf(late, began + 24 * hour)).toBe('absolute-expired');
  });

  test('under any configuration are never later than what is stored', () => {
    fc.assert(
      fc.property(anyLimits, anyLimits, fc.nat(hour), (sealed, configured, seen) => {
        const stored = header({ idleMs: sealed.idleMs, absoluteDeadline: began + sealed.absoluteMs });
        const idleDeadline = began + seen + sealed.idleMs;
        const { expiresAt, endsAt } = deadlinesOf(stored, idleDeadline, configured);
        expect(endsAt).toBeLessThanOrEqual(stored.absoluteDeadline);
        expect(expiresAt).toBeLessThanOrEqual(Math.min(idleDeadline, endsAt));
        expect(endsAt).toBeLessThanOrEqual(began + configured.absoluteMs);
        expect(expiresAt).toBeLessThanOrEqual(began + seen + configured.idleMs);
      }),
    );
  });

  test('asked for at sign-in are shorter than the configured ones, and a shorter configuration shortens them too', () => {
    const own = header({ ownIdle: true, ownAbsolute: true, idleMs: minute, absoluteDeadline: began + 2 * hour });
    expect(deadlinesOf(own, began + minute, limits)).toEqual({
      expiresAt: began + minute,
      endsAt: began + 2 * hour,
      lastSeenAt: began,
    });
    expect(deadlinesOf(own, began + minute, { idleMs: 1_000, absoluteMs: hour })).toEqual({
      expiresAt: began + 1_000,
      endsAt: began + hour,
      lastSeenAt: began,
    });
  });

  test('are never moved past the absolute limit by use', () => {
    fc.assert(
      fc.property(fc.nat(48 * hour), (after) => {
        expect(nextIdleDeadline(header(), limits, began + after)).toBeLessThanOrEqual(began + limits.absoluteMs);
      }),
    );
  });
});

test('a scope is open until its own deadline, whatever its name, and no other is', () => {
  const names = fc.oneof(fc.string(), fc.constantFrom('constructor', '__proto__', 'toString'));
  const entries = fc.array(fc.tuple(names, fc.nat(1_000)));
  fc.assert(
    fc.property(entries, fc.nat(1_000), names, (given, now, asked) => {
      const scopes = Object.defineProperties(
        {},
        Object.fromEntries(given.map(([name, value]) => [name, { value, enumerable: true }])),
      );
      const until = new Map(given).get(asked);
      expect(asked in scopesAt({ scopes }, now)).toBe(until !== undefined && now < until);
    }),
  );
});

describe('a secret', () => {
  const current = newSecret();
  const stored = header({ secretHash: hashSecret(current) });

  test('is current, or the one successor that every request derives alike, or nothing', () => {
    expect(standingOf(stored, current, began)).toBe('current');
    expect(nextSecret(stored)).toEqual(nextSecret({ ...stored }));
    expect(standingOf(stored, nextSecret(stored), began)).toBe('next');
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        (other) => standingOf(stored, other, began) === 'unknown',
      ),
    );
  });

  test('that was replaced is good until its grace ends, and a sign of theft from then on', () => {
    const old = newSecret();
    const renewed = header({
      secretHash: hashSecret(current),
      previousHash: hashSecret(old),
      previousUntil: began + minute,
    });
    expect(standingOf(renewed, old, began + minute - 1)).toBe('previous');
    expect(standingOf(renewed, old, began + minute)).toBe('reused');
  });
});
