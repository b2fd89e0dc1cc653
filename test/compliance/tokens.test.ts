import { expect } from 'vitest';
import type { Client } from '../support/client.js';
import { ada, postForm, sessionView, sharedDemo, signIn } from '../support/demo.js';
import { shows } from './shows.js';

const demo = sharedDemo();

const cookieOf = (client: Client): [name: string, value: string] => {
  const [pair] = client.jar;
  if (!pair) throw new Error('the client has no cookie');
  return [...pair];
};
const ownerWith = async (cookie: string): Promise<string | null> =>
  (await demo().client().get('/api/session', { cookie })).json<{ owner: string | null }>().owner;

shows('ASVS-7.2.1 WSTG-SESS-01', 'a token with any one character changed opens nothing', async () => {
  const client = demo().client();
  await signIn(client);
  const [name, value] = cookieOf(client);
  for (let at = 0; at < value.length; at++) {
    const other = value[at] === 'A' ? 'B' : 'A';
    expect(
      await ownerWith(`${name}=${value.slice(0, at)}${other}${value.slice(at + 1)}`),
      `character ${at}`,
    ).toBeNull();
  }
  expect(await ownerWith(`${name}=${value}`)).toBe('ada');
});

shows(
  'ASVS-7.2.2 ASVS-7.2.3 NIST-5.1-random WSTG-SESS-01',
  'tokens are all different, and vary by 128 bits and more',
  async () => {
    const values: string[] = [];
    for (let at = 0; at < 400; at++) {
      const client = demo().client();
      await client.get('/');
      values.push(cookieOf(client)[1]);
      client.close();
    }
    expect(new Set(values).size).toBe(values.length);
    const length = values[0]?.length ?? 0;
    let bits = 0;
    for (let at = 0; at < length; at++) {
      const counts = new Map<string, number>();
      for (const value of values) counts.set(value[at] ?? '', (counts.get(value[at] ?? '') ?? 0) + 1);
      // Min-entropy of the place, as its most frequent character shows it: low by chance, never high.
      bits += Math.log2(values.length / Math.max(...counts.values()));
    }
    expect(bits).toBeGreaterThan(128);
  },
);

shows(
  'WSTG-SESS-10',
  'the token is no JSON Web Token: it says nothing, and there is no algorithm to choose',
  async () => {
    const client = demo().client();
    await signIn(client);
    const [name, value] = cookieOf(client);
    expect(value).not.toContain('.');
    const tokens = [value];
    for (let more = 0; more < 2; more++) {
      const another = demo().client();
      await signIn(another);
      tokens.push(cookieOf(another)[1]);
    }
    const texts = tokens.map((token) => Buffer.from(token, 'base64url').toString('latin1'));
    // Short words come by chance, one time in hundreds of thousands: what a token says, each would say.
    for (const word of [/^\{"/, /ada/, /"alg"/])
      expect([word, texts.every((text) => word.test(text))]).toEqual([word, false]);
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"sub":"ada"}').toString('base64url')}.`;
    expect(await ownerWith(`${name}=${none}`)).toBeNull();
  },
);

shows(
  'ASVS-7.2.4 NIST-5.1-minted WSTG-SESS-03 WSTG-SESS-11',
  'signing in, confirming and a new password each give a new token, and the one before is worth nothing',
  async () => {
    const client = demo().client();
    await client.get('/');
    const steps: [string, () => Promise<{ status: number }>][] = [
      ['sign-in', () => signIn(client)],
      ['re-authentication', () => postForm(client, '/confirm', { password: ada.password })],
      ['new password', () => postForm(client, '/password', { password: ada.password, again: ada.password })],
    ];
    for (const [step, take] of steps) {
      const before = client.copy();
      const [, old] = cookieOf(client);
      expect((await take()).status, step).toBe(303);
      expect(cookieOf(client)[1], step).not.toBe(old);
      expect((await sessionView(before)).owner, step).toBeNull();
      expect((await sessionView(client)).owner, step).toBe('ada');
      before.close();
    }
  },
);

shows(
  'WSTG-SESS-03 WSTG-SESS-09',
  'a token that the server did not make is never taken over, whoever signs in with it',
  async () => {
    const client = demo().client();
    await client.get('/');
    const [name, value] = cookieOf(client);
    const planted = `${value.slice(0, -20)}${'A'.repeat(20)}`;
    const victim = demo().client();
    victim.jar.set(name, planted);
    const answer = await signIn(victim);
    expect(answer.setCookies).toHaveLength(1);
    expect(cookieOf(victim)[1]).not.toBe(planted);
    expect(await ownerWith(`${name}=${planted}`)).toBeNull();
  },
);

shows(
  'WSTG-SESS-03 WSTG-SESS-09',
  'of two genuine cookies, and of one behind a byte that browsers do not strip, none is taken',
  async () => {
    const [victim, attacker] = [demo().client(), demo().client()];
    await signIn(victim);
    await postForm(attacker, '/login', { username: 'grace', password: 'nanoseconds of copper wire' });
    for (const cookie of [`${victim.cookie}; ${attacker.cookie}`, `${attacker.cookie}; ${victim.cookie}`]) {
      expect(await ownerWith(cookie)).toBeNull();
    }
    for (const byte of ['\u00a0', '\u0085']) {
      expect(await ownerWith(`${byte}${attacker.cookie}`)).toBeNull();
      expect(await ownerWith(`${byte}${attacker.cookie}; ${victim.cookie}`)).toBe('ada');
    }
  },
);

shows(
  'ASVS-3.3.4 WSTG-SESS-04',
  'the token is in no page, no script and no header but Set-Cookie, and no address is taken for one',
  async () => {
    const client = demo().client();
    const first = await signIn(client);
    const [name, value] = cookieOf(client);
    expect(JSON.stringify({ ...first.headers, 'set-cookie': undefined }) + first.text).not.toContain(value);
    for (const path of [
      '/',
      '/account',
      '/devices',
      '/password',
      '/confirm',
      '/api/session',
      '/session/time-left',
      '/nothing',
    ]) {
      const answer = await client.get(path);
      expect(JSON.stringify(answer.headers) + answer.text, path).not.toContain(value);
      if (path !== '/nothing') expect(answer.headers['cache-control'], path).toContain('no-store');
    }
    const stranger = demo().client();
    for (const path of [
      `/api/session?${name}=${value}`,
      `/api/session;${name}=${value}`,
      `/api/session?sid=${value}`,
    ]) {
      expect((await stranger.get(path)).text).not.toContain('"ada"');
    }
    expect((await stranger.get('/api/session', { headers: { authorization: `Bearer ${value}` } })).text).not.toContain(
      '"ada"',
    );
  },
);

shows('ASVS-7.6.2', 'looking at pages signs nobody in', async () => {
  const client = demo().client();
  for (const path of ['/', '/login', '/account', '/login?username=ada', '/devices']) await client.get(path);
  expect((await sessionView(client)).owner).toBeNull();
});

shows('NIST-5.1-aal', 'a sign-in with a password is assurance level 1 and no more', async () => {
  const client = demo().client();
  await postForm(client, '/login', { ...ada, aal: '3', amr: 'hwk' });
  expect((await sessionView(client)).aal).toBe(1);
});
