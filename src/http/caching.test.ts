import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { applyCachingHeaders, type SessionUse } from './caching.js';

function headersAfter(use: SessionUse, headers: Record<string, string | string[]> = {}): Record<string, unknown> {
  const res = new ServerResponse(new IncomingMessage(new Socket()));
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
  applyCachingHeaders(res, use);
  return { ...res.getHeaders() };
}

describe('caching headers', () => {
  test('a response with the session cookie is never stored, whatever the app said', () => {
    for (const read of ['none', 'anonymous', 'signed-in'] as const) {
      expect(headersAfter({ setsCookie: true, read })).toEqual({ 'cache-control': 'no-store' });
      expect(headersAfter({ setsCookie: true, read }, { 'Cache-Control': 'public, max-age=60' })).toEqual({
        'cache-control': 'no-store',
      });
    }
  });

  test('a response that read a signed-in session is not stored, unless the app decided', () => {
    expect(headersAfter({ setsCookie: false, read: 'signed-in' })).toEqual({ 'cache-control': 'no-store' });
    expect(headersAfter({ setsCookie: false, read: 'signed-in' }, { 'cache-control': 'private' })).toEqual({
      'cache-control': 'private',
    });
  });

  test('a response that read an anonymous session is private and varies by cookie', () => {
    const read = { setsCookie: false, read: 'anonymous' } as const;
    expect(headersAfter(read)).toEqual({ 'cache-control': 'private', vary: 'Cookie' });
    expect(headersAfter(read, { 'cache-control': 'public' })).toEqual({ 'cache-control': 'public', vary: 'Cookie' });
  });

  test('a response that read no session is left alone', () => {
    expect(headersAfter({ setsCookie: false, read: 'none' }, { vary: 'Accept' })).toEqual({ vary: 'Accept' });
  });

  test.each([
    ['Accept-Encoding', 'Accept-Encoding, Cookie'],
    [['Accept', 'Origin'], 'Accept, Origin, Cookie'],
    ['', 'Cookie'],
    ['X-Cookie', 'X-Cookie, Cookie'],
    ['*', '*'],
    ['Accept, *', 'Accept, *'],
    ['cookie', 'cookie'],
    ['Accept , COOKIE', 'Accept , COOKIE'],
    [
      ['Accept', 'Cookie'],
      ['Accept', 'Cookie'],
    ],
  ])('Vary: %j becomes %j', (present, merged) => {
    expect(headersAfter({ setsCookie: false, read: 'anonymous' }, { vary: present }).vary).toEqual(merged);
  });
});
