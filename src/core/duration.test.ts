import fc from 'fast-check';
import { expect, test } from 'vitest';
import { durationMs, formatDuration } from './duration.js';
import { SessionError } from './errors.js';

test('a duration is a whole number and a unit', () => {
  expect(['250ms', '30s', '15m', '12h', '30d'].map((text) => durationMs(text, 'idle'))).toEqual([
    250, 30_000, 900_000, 43_200_000, 2_592_000_000,
  ]);
});

test('any other spelling is refused with the name of the option and what came', () => {
  for (const value of [
    '',
    '15',
    15,
    '15 m',
    '-5m',
    '1.5h',
    '1e3s',
    '5M',
    'fifteen',
    null,
    undefined,
    {},
    '0s',
    '99999d',
  ]) {
    expect(() => durationMs(value, 'idle')).toThrow(SessionError);
    expect(() => durationMs(value, 'idle')).toThrow(/^idle: expected/);
  }
});

test('what is written is read as the same length of time', () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 10 ** 12 }), (ms) => durationMs(formatDuration(ms), 'any') === ms));
});
