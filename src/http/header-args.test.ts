import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { applyHeaderArgument } from './header-args.js';

function applied(argument: unknown, before: Record<string, string> = {}): Record<string, unknown> {
  const res = new ServerResponse(new IncomingMessage(new Socket()));
  for (const [name, value] of Object.entries(before)) res.setHeader(name, value);
  expect(applyHeaderArgument(res, argument)).toBe(true);
  return { ...res.getHeaders() };
}

describe('the headers argument of writeHead', () => {
  const both = { 'set-cookie': ['a=1', 'b=2'], 'x-n': 7 };

  test.each([
    ['an object', { 'Set-Cookie': ['a=1', 'b=2'], 'X-N': 7 }],
    ['an object that spells one name twice', { 'set-cookie': 'a=1', 'X-N': 7, 'SET-COOKIE': 'b=2' }],
    ['a flat array', ['Set-Cookie', 'a=1', 'X-N', 7, 'set-cookie', 'b=2']],
    [
      'pairs',
      [
        ['Set-Cookie', 'a=1'],
        ['X-N', 7],
        ['SET-cookie', ['b=2']],
      ],
    ],
  ])('%s keeps each value of each name', (_title, argument) => {
    expect(applied(argument)).toEqual(both);
  });

  test('what it names replaces what was set before, the rest stays', () => {
    expect(applied({ 'SET-COOKIE': 'a=1' }, { 'Set-Cookie': 'old=1', 'X-Kept': 'yes' })).toEqual({
      'set-cookie': 'a=1',
      'x-kept': 'yes',
    });
  });

  test.each([[undefined], [null], ['text'], [[]], [{}]])('%j adds nothing', (argument) => {
    expect(applied(argument)).toEqual({});
  });

  test('an array is never shared with the caller', () => {
    const cookies = ['a=1'];
    const res = new ServerResponse(new IncomingMessage(new Socket()));
    applyHeaderArgument(res, { 'Set-Cookie': cookies });
    res.appendHeader('Set-Cookie', 'b=2');
    expect(cookies).toEqual(['a=1']);
  });

  test('what Node refuses is refused', () => {
    const res = new ServerResponse(new IncomingMessage(new Socket()));
    expect(applyHeaderArgument(res, ['X-A', '1', 'X-B'])).toBe(false);
    expect(() => applyHeaderArgument(res, { 'X A': '1' })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_HTTP_TOKEN' }),
    );
    expect(() => applyHeaderArgument(res, { 'X-A': 'a\nb' })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_CHAR' }),
    );
    expect(() => applyHeaderArgument(res, { 'X-A': undefined })).toThrow(
      expect.objectContaining({ code: 'ERR_HTTP_INVALID_HEADER_VALUE' }),
    );
  });
});
