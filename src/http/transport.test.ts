import { describe, expect, test } from 'vitest';
import { isLoopbackAddress, isLoopbackHost, parseHost, requestOrigin } from './host.js';
import { isForwarded, saysForwardedHttps, type TransportFacts, transportOf } from './transport.js';

/** A request on the developer's own machine; each row changes what it is about. */
const local: TransportFacts = {
  encrypted: false,
  host: 'localhost:3000',
  peerAddress: '127.0.0.1',
  localPort: 3000,
  forwarded: false,
  forwardedHttps: false,
  production: false,
  insecureHttp: false,
};

describe('where a session cookie may travel', () => {
  test('https, in production or not, gets the name that no sibling and no script can plant', () => {
    for (const production of [true, false]) {
      for (const host of ['app.example.com', 'localhost', undefined]) {
        expect(
          transportOf({ ...local, encrypted: true, production, host, forwarded: true, forwardedHttps: true }),
        ).toEqual({
          usable: true,
          cookieName: '__Host-Http-sid',
          secure: true,
        });
      }
    }
  });

  test('plain http on this machine gets a name of its own for each port', () => {
    expect(transportOf(local)).toEqual({ usable: true, cookieName: 'sid-3000', secure: false });
    expect(transportOf({ ...local, localPort: 3001, baseName: 'shop' })).toMatchObject({ cookieName: 'shop-3001' });
  });

  test('under test plain http has one name for all ports, https its usual one', () => {
    expect(transportOf({ ...local, underTest: true })).toMatchObject({ cookieName: 'sid-test', secure: false });
    expect(transportOf({ ...local, underTest: true, encrypted: true })).toMatchObject({
      cookieName: '__Host-Http-sid',
    });
    expect(transportOf({ ...local, underTest: true, host: 'evil.example' }).usable).toBe(false);
  });

  test.each([
    'localhost',
    'LOCALHOST:8080',
    'app.localhost:3000',
    'a.b.localhost',
    '127.0.0.1:3000',
    '127.8.9.255',
    '[::1]:3000',
    '[::1]',
    '[::ffff:127.0.0.1]',
  ])('plain http under %s is this machine', (host) => {
    expect(transportOf({ ...local, host })).toMatchObject({ usable: true, secure: false });
  });

  test.each([
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '127.0.0.1.nip.io:3000',
    'evillocalhost',
    'localhost.',
    '.localhost',
    'a..localhost',
    'localhost@evil.example',
    'evil.example#localhost',
    'localhost:80:80',
    'localhost:x',
    'localhost ',
    'localhost, evil.example',
    '127.1',
    '0177.0.0.1',
    '127.0.0.01',
    '127.0.0.256',
    '2130706433',
    '0.0.0.0',
    '128.0.0.1',
    '192.168.0.2',
    '[::]',
    '[::2]',
    '::1',
    '[::ffff:128.0.0.1]',
    '',
    undefined,
  ])('plain http under %j is refused', (host) => {
    expect(transportOf({ ...local, host })).toMatchObject({ usable: false, reason: 'http-host-not-loopback' });
  });

  test.each(['127.0.0.1', '127.200.0.9', '::1', '::ffff:127.0.0.1'])('a peer at %s is this machine', (peerAddress) => {
    expect(transportOf({ ...local, peerAddress })).toMatchObject({ usable: true });
  });

  test.each(['192.168.0.9', '::ffff:10.0.0.1', 'fe80::1', '::', '::ffff:127.0.0.1.5', '127.0.0', undefined])(
    'a peer at %s is refused',
    (peerAddress) => {
      expect(transportOf({ ...local, peerAddress })).toMatchObject({ usable: false, reason: 'http-peer-not-loopback' });
    },
  );

  test.each<[string, Partial<TransportFacts>, string, RegExp]>([
    ['production', { production: true }, 'http-in-production', /https/],
    ['production with insecureHttp', { production: true, insecureHttp: true }, 'http-in-production', /trust proxy/],
    ['a relay', { forwarded: true }, 'http-forwarded', /insecureHttp/],
    [
      'a TLS proxy that is not trusted',
      { forwarded: true, forwardedHttps: true },
      'tls-proxy-untrusted',
      /app\.set\('trust proxy', 1\)/,
    ],
    [
      'a TLS proxy that is not trusted, in production',
      { forwarded: true, forwardedHttps: true, production: true },
      'tls-proxy-untrusted',
      /trust proxy/,
    ],
    [
      'a TLS proxy that is not trusted, with insecureHttp',
      { forwarded: true, forwardedHttps: true, insecureHttp: true },
      'tls-proxy-untrusted',
      /trust proxy/,
    ],
    ['a socket without a port', { localPort: undefined }, 'http-port-unknown', /port/],
  ])('%s is refused, with one line on what to do', (_title, facts, reason, remedy) => {
    const transport = transportOf({ ...local, ...facts });
    expect(transport).toMatchObject({ usable: false, reason, remedy: expect.stringMatching(remedy) });
    expect(transport).toMatchObject({ remedy: expect.not.stringContaining('\n') });
  });

  test('insecureHttp opens other hosts outside production, under the name of the port', () => {
    const facts = { ...local, insecureHttp: true, host: 'dev.lan:3000', peerAddress: '192.168.0.9', forwarded: true };
    expect(transportOf(facts)).toEqual({ usable: true, cookieName: 'sid-3000', secure: false });
  });
});

describe('signs of a relay', () => {
  test.each([
    'forwarded',
    'via',
    'x-forwarded-for',
    'x-forwarded-host',
    'x-forwarded-port',
    'x-forwarded-proto',
    'x-real-ip',
  ])('%s is one, even when empty', (name) => {
    expect(isForwarded({ [name]: '' })).toBe(true);
  });

  test('what every browser sends is none', () => {
    expect(isForwarded({ host: 'localhost', origin: 'http://localhost', 'x-requested-with': 'x', referer: '/' })).toBe(
      false,
    );
  });

  test.each([
    [{ 'x-forwarded-proto': 'https' }, true],
    [{ 'x-forwarded-proto': 'HTTPS , http' }, true],
    [{ 'x-forwarded-proto': 'http, https' }, false],
    [{ 'x-forwarded-proto': 'httpsx' }, false],
    [{ forwarded: 'for=1.2.3.4;proto=https' }, true],
    [{ forwarded: 'proto="https", for=a' }, true],
    [{ forwarded: 'for=1.2.3.4;proto=http' }, false],
    [{}, false],
  ])('%j says https: %s', (headers, says) => {
    expect(saysForwardedHttps(headers)).toBe(says);
  });
});

describe('hosts', () => {
  test('a host header is read whole or not at all', () => {
    expect(parseHost('App.Example.com:8443')).toEqual({ host: 'app.example.com', port: '8443' });
    expect(parseHost('[2001:DB8::1]')).toEqual({ host: '[2001:db8::1]' });
    for (const header of ['a/b', 'a:b@c', 'a?b', '-a', 'a-', 'ä', 'a:123456', '[::1', `${'a'.repeat(300)}`]) {
      expect(parseHost(header), header).toBeUndefined();
    }
  });

  test('an origin is what a browser would have sent', () => {
    expect(requestOrigin(true, 'App.Example.com')).toBe('https://app.example.com');
    expect(requestOrigin(true, 'app.example.com:443')).toBe('https://app.example.com');
    expect(requestOrigin(true, 'app.example.com:80')).toBe('https://app.example.com:80');
    expect(requestOrigin(false, 'localhost:80')).toBe('http://localhost');
    expect(requestOrigin(false, '[::1]:3000')).toBe('http://[::1]:3000');
    expect(requestOrigin(true, 'evil@app')).toBeUndefined();
    expect(requestOrigin(true, undefined)).toBeUndefined();
  });

  test('an address is no name and a name is no address', () => {
    expect(isLoopbackAddress('localhost')).toBe(false);
    expect(isLoopbackHost('::1')).toBe(false);
    expect(isLoopbackHost('[127.0.0.1]')).toBe(true);
  });
});
