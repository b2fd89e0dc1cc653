import { createServer, IncomingMessage, ServerResponse } from 'node:http';
import { type AddressInfo, connect, Socket } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SessionError } from '../core/errors.js';
import { appendSetCookie, cookieValues, expiredCookie, sessionCookie } from './cookie.js';

const name = '__Host-Http-sid';
const newResponse = (): ServerResponse => new ServerResponse(new IncomingMessage(new Socket()));

/** The grammar read off slowly: split, strip SP and HTAB, compare. */
function modelValues(header: string, wanted: string): string[] {
  return header
    .split(';')
    .map((pair) => pair.replace(/^[ \t]+/, '').replace(/[ \t]+$/, ''))
    .filter((pair) => pair.startsWith(`${wanted}=`))
    .map((pair) => pair.slice(wanted.length + 1))
    .slice(0, 8);
}

describe('reading the Cookie header', () => {
  test.each<[string, string | undefined, string[]]>([
    ['no header', undefined, []],
    ['an empty header', '', []],
    ['another cookie', 'a=1; b=2', []],
    ['ours alone', `${name}=abc`, ['abc']],
    ['ours among others', `a=1; ${name}=abc; b=2`, ['abc']],
    ['no blank after the semicolon', `a=1;${name}=abc;b=2`, ['abc']],
    ['tabs and blanks around', `a=1;\t ${name}=abc \t;b=2`, ['abc']],
    ['duplicates, in order', `${name}=1; ${name}=2; ${name}=1`, ['1', '2', '1']],
    ['an empty value', `${name}=`, ['']],
    ['a value with equals signs', `${name}=a=b==`, ['a=b==']],
    ['no percent-decoding', `${name}=%61`, ['%61']],
    ['no percent-decoding of the name', '__Host-Http-si%64=x', []],
    ['no unquoting', `${name}="abc"`, ['"abc"']],
    ['an old-style header', `$Version=1; ${name}="abc"; $Path=/`, ['"abc"']],
    ['another case', '__host-http-sid=a; __HOST-HTTP-SID=b; __Host-Http-SID=c', []],
    ['a longer name', `x${name}=a; ${name}x=b`, []],
    ['the name as a value', `a=${name}; b=${name}=evil`, []],
    ['the name without a value', name, []],
    ['a blank before the equals sign', `${name} =a`, []],
    ['a nameless cookie', `=${name}=evil`, []],
    ['U+00A0 before the name', `\xa0${name}=evil; ${name}=good`, ['good']],
    ['U+0085 before the name', `\x85${name}=evil; ${name}=good`, ['good']],
    ['U+2000 in UTF-8 before the name', `\xe2\x80\x80${name}=evil; ${name}=good`, ['good']],
    ['U+00A0 after the value stays in it', `${name}=good\xa0`, ['good\xa0']],
    ['a line break is no blank', `a=1;\n${name}=evil`, []],
    ['a comma does not part cookies', `a=1, ${name}=evil`, []],
  ])('%s', (_title, header, values) => {
    expect(cookieValues(header, name)).toEqual(values);
  });

  test('finding nothing allocates nothing', () => {
    expect(cookieValues(undefined, name)).toBe(cookieValues('a=1', name));
  });

  test('only the first 8 values are looked at', () => {
    const header = Array.from({ length: 2_000 }, (_, index) => `${name}=${index}`).join('; ');
    expect(cookieValues(header, name)).toEqual(['0', '1', '2', '3', '4', '5', '6', '7']);
  });

  test('for any header it agrees with the grammar', () => {
    const piece = fc.constantFrom(
      'sid',
      'sid=',
      'si',
      'd',
      '=',
      ';',
      '; ',
      ' ',
      '\t',
      '\xa0',
      '\x85',
      '"',
      'S',
      'x',
      ',',
      '\n',
      '%',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const header = pieces.join('');
        expect([...cookieValues(header, 'sid')]).toEqual(modelValues(header, 'sid'));
      }),
      { numRuns: 3_000 },
    );
  });

  test('bytes that browsers let through a name prefix never pass for ours, over a real socket', async () => {
    const seen: (readonly string[])[] = [];
    const server = createServer((req, res) => {
      seen.push(cookieValues(req.headers.cookie, name));
      res.end();
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const { port } = server.address() as AddressInfo;
    for (const prefix of ['\xa0', '\x85', '\xe2\x80\x80', '\x0c']) {
      await new Promise<void>((closed, failed) => {
        const socket = connect(port, '127.0.0.1');
        socket.on('error', failed).on('close', () => closed());
        socket.resume();
        const head = `GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: ${prefix}${name}=evil\r\nCookie: ${name}=good\r\n\r\n`;
        socket.write(Buffer.from(head, 'latin1'));
      });
    }
    await new Promise((closed) => server.close(closed));
    // A form feed is refused by the HTTP parser itself.
    expect(seen).toEqual([['good'], ['good'], ['good']]);
  });
});

describe('writing Set-Cookie', () => {
  test('a session cookie is host-only, out of reach of scripts and of other sites', () => {
    expect(sessionCookie({ name, value: 'abc', secure: true })).toBe(
      '__Host-Http-sid=abc; Path=/; HttpOnly; Secure; SameSite=Lax',
    );
    expect(sessionCookie({ name: 'sid-3000', value: 'abc', secure: false, maxAgeSeconds: 60.9 })).toBe(
      'sid-3000=abc; Path=/; HttpOnly; SameSite=Lax; Max-Age=60',
    );
  });

  test('it never asks for more than the 400 days that browsers give', () => {
    expect(sessionCookie({ name, value: 'a', secure: true, maxAgeSeconds: 1e12 })).toContain('; Max-Age=34560000');
  });

  test('clearing names the same cookie and a moment long gone', () => {
    expect(expiredCookie({ name, secure: true })).toBe(
      '__Host-Http-sid=; Path=/; HttpOnly; Secure; SameSite=Lax; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT',
    );
  });

  test.each([
    ['a blank in the name', { name: 's id', value: 'a', secure: true }],
    ['an empty name', { name: '', value: 'a', secure: true }],
    ['an equals sign in the name', { name: 'a=b', value: 'a', secure: true }],
    ['a header after the value', { name, value: 'a\r\nX: y', secure: true }],
    ['an attribute after the value', { name, value: 'a; Domain=example.com', secure: true }],
    ['a quote', { name, value: '"a"', secure: true }],
    ['a comma', { name, value: 'a,b', secure: true }],
    ['a letter beyond ASCII', { name, value: 'ä', secure: true }],
    ['__Host- without Secure', { name: '__Host-sid', value: 'a', secure: false }],
    ['__Host-Http- without Secure', { name, value: 'a', secure: false }],
    ['__HOST- without Secure', { name: '__HOST-sid', value: 'a', secure: false }],
    ['__Secure- without Secure', { name: '__Secure-sid', value: 'a', secure: false }],
    ['over 4096 bytes', { name, value: 'a'.repeat(4097 - name.length), secure: true }],
    ['a Max-Age of 0', { name, value: 'a', secure: true, maxAgeSeconds: 0 }],
    ['a Max-Age that is not a number', { name, value: 'a', secure: true, maxAgeSeconds: Number.NaN }],
  ])('refuses %s', (_title, cookie) => {
    expect(() => sessionCookie(cookie)).toThrow(SessionError);
    expect(() => sessionCookie(cookie)).toThrow(expect.objectContaining({ code: 'ERR_SESSION_ARGUMENT' }));
  });

  test('a refusal never shows the value', () => {
    expect(() => sessionCookie({ name, value: 'topsecret;', secure: true })).toThrow(/^(?!.*topsecret)/);
    expect(() => sessionCookie({ name, value: 'topsecret'.repeat(600), secure: true })).toThrow(/^(?!.*topsecret)/);
  });

  test('4096 bytes of name and value still fit', () => {
    expect(sessionCookie({ name, value: 'a'.repeat(4096 - name.length), secure: true })).toContain('; Path=/');
  });

  test('what is written is read back as it was', () => {
    const octet = fc.constantFrom(...Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index)));
    fc.assert(
      fc.property(fc.string({ unit: octet, maxLength: 60 }), (value) => {
        let line: string;
        try {
          line = sessionCookie({ name: 'sid', value, secure: true });
        } catch {
          return;
        }
        expect(cookieValues(`a=1; ${line.slice(0, line.indexOf('; Path'))}; b=2`, 'sid')).toEqual([value]);
      }),
    );
  });
});

describe('adding Set-Cookie to a response', () => {
  const ours = sessionCookie({ name, value: 'new', secure: true });

  test('every cookie of the app stays, in each way a header can be held', () => {
    for (const present of [undefined, 'a=1', ['a=1'], ['a=1', 'b=2']]) {
      const res = newResponse();
      if (present !== undefined) res.setHeader('set-cookie', present);
      appendSetCookie(res, ours);
      expect([res.getHeader('set-cookie')].flat()).toEqual([...(present === undefined ? [] : [present].flat()), ours]);
    }
  });

  test('an earlier line of the same cookie is replaced', () => {
    const res = newResponse();
    appendSetCookie(res, sessionCookie({ name, value: 'old', secure: true, maxAgeSeconds: 5 }));
    res.appendHeader('Set-Cookie', 'a=1; Path=/');
    appendSetCookie(res, ours);
    appendSetCookie(res, expiredCookie({ name: 'other', secure: true }));
    appendSetCookie(res, ours);
    expect(res.getHeader('set-cookie')).toEqual(['a=1; Path=/', expiredCookie({ name: 'other', secure: true }), ours]);
  });

  test('the same name under another path or domain is another cookie', () => {
    const res = newResponse();
    res.setHeader('Set-Cookie', ['sid=1; Path=/admin', 'sid=2; path=/; domain=.example.com', 'sid-1=3; Path=/']);
    appendSetCookie(res, 'sid=4; Path=/; Domain=example.com');
    appendSetCookie(res, 'sid=5; Path=/');
    expect(res.getHeader('set-cookie')).toEqual([
      'sid=1; Path=/admin',
      'sid-1=3; Path=/',
      'sid=4; Path=/; Domain=example.com',
      'sid=5; Path=/',
    ]);
  });
});
