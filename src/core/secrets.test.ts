import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { SessionError } from './errors.js';
import { checkSecrets } from './secrets.js';

const refused = (value: unknown): SessionError => {
  try {
    checkSecrets(value);
  } catch (error) {
    return error as SessionError;
  }
  throw new Error(`accepted ${String(value)}`);
};

describe('a secret', () => {
  test('of 32 random bytes is accepted in every usual spelling', () => {
    for (let i = 0; i < 2_000; i++) {
      const bytes = randomBytes(32);
      for (const encoding of ['hex', 'base64', 'base64url'] as const) {
        expect(checkSecrets(bytes.toString(encoding))).toEqual([bytes.toString(encoding)]);
      }
    }
  });

  test.each([
    ['short', 'x7Kp2'],
    ['the one of the tutorials', 'keyboard cat keyboard cat keyboard cat'],
    ['a placeholder', 'CHANGE-ME-CHANGE-ME-CHANGE-ME-1234'],
    ['a README', 'your_session_secret_goes_here_please_0'],
    ['one character', 'a'.repeat(64)],
    ['a piece repeated', 'x7Kp2qLm'.repeat(6)],
    ['few different characters', '1212321312313212312321312312132131'],
  ])('that is %s is refused with the remedy, and never shown', (_why, secret) => {
    const error = refused(secret);
    expect(error.code).toBe('ERR_SESSION_SECRET_WEAK');
    expect(error.message).toContain('randomBytes(32)');
    expect(error.message).not.toContain(secret);
  });

  test('missing, of another type, listed twice or in an empty list is refused', () => {
    for (const value of [undefined, null, 7, {}, [], [undefined]])
      expect(refused(value).code).toBe('ERR_SESSION_SECRET_REQUIRED');
    const secret = randomBytes(32).toString('base64url');
    expect(refused([secret, secret]).message).toContain('twice');
    expect(refused(Array.from({ length: 17 }, () => randomBytes(32).toString('hex'))).code).toBe('ERR_SESSION_OPTION');
  });
});
