import { readFileSync } from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import { describe as described, errorCodes, SessionError } from './errors.js';

describe('a SessionError', () => {
  test('has a heading in docs/errors.md for every code, and no heading is for a code that is gone', () => {
    const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
    const headings = [...page.matchAll(/^### (ERR_SESSION_\w+)$/gm)].map((match) => match[1]);
    expect(headings.sort()).toEqual([...errorCodes].sort());
  });

  test('is known by instanceof from another copy of the package, and nothing else is', async () => {
    vi.resetModules();
    const copy = await import('./errors.js');
    expect(copy.SessionError).not.toBe(SessionError);
    expect(new copy.SessionError('ERR_SESSION_OPTION', 'x')).toBeInstanceOf(SessionError);
    expect(new Error('x')).not.toBeInstanceOf(SessionError);
    expect({ code: 'ERR_SESSION_OPTION' }).not.toBeInstanceOf(SessionError);
  });

  test('carries status, cause and details, and only the details that it was given', () => {
    const cause = new Error('link');
    const error = new SessionError('ERR_SESSION_STORE_UNAVAILABLE', 'x', { cause, outcome: 'unknown' });
    expect(error).toMatchObject({ status: 503, cause, outcome: 'unknown', name: 'SessionError' });
    expect(Object.keys(error)).not.toContain('path');
  });
});

test('what came is described without quoting what may be secret', () => {
  expect(
    ['x', 7, null, undefined, [1, 2], {}, Object.create(null), () => 1, 5n, Symbol('s')].map((value) =>
      described(value),
    ),
  ).toEqual([
    '"x"',
    '7',
    'null',
    'undefined',
    'an array of 2',
    'an object (Object)',
    'an object (no prototype)',
    'a function',
    '5',
    'a symbol',
  ]);
  expect(described('s'.repeat(41))).toBe('a string of 41 characters');
});
