import { expect } from 'vitest';
import { enter, formToken, giveName, isIn, send, sendWith, sharedOffice } from './office-client.js';
import { shows } from './shows.js';

const office = sharedOffice();
const own = () => `http://127.0.0.1:${office().port}`;
const missing = { status: 403, code: 'ERR_SESSION_CSRF_TOKEN' };
const foreign = { status: 403, code: 'ERR_SESSION_CROSS_SITE' };

const outcome = async (answer: Promise<{ status: number; text: string }>) => {
  const { status, text } = await answer;
  return status === 403 ? { status, code: JSON.parse(text).code } : { status };
};

shows(
  'NIST-5.1-csrf WSTG-SESS-05',
  'a form is taken only with a token of the very session that sends it, in its body or header and nowhere else',
  async () => {
    const [ada, grace] = [await enter(office().client(), 'ada'), await enter(office().client(), 'grace')];
    const [token, other] = [await formToken(ada), await formToken(grace)];
    const flipped = `${token.slice(0, -2)}${token.at(-2) === 'A' ? 'B' : 'A'}${token.at(-1)}`;
    for (const wrong of ['', 'x', other, flipped, `${token}A`, `${token} `])
      expect([wrong, await outcome(sendWith(ada, '/logout', { _csrf: wrong }))]).toEqual([wrong, missing]);
    expect(await outcome(sendWith(ada, '/logout', {}))).toEqual(missing);
    expect(await outcome(sendWith(ada, `/logout?_csrf=${token}`, {}))).toEqual(missing);
    expect(await outcome(ada.post('/logout', { cookie: `${ada.cookie}; _csrf=${token}` }))).toEqual(missing);
    expect(await isIn(ada)).toBe(true);
    // One a page, none the same: nothing to guess from the length of a compressed page.
    expect(await formToken(ada)).not.toBe(token);
    expect(await outcome(sendWith(ada, '/logout', { _csrf: token }))).toEqual({ status: 204 });
    expect(await isIn(ada)).toBe(false);
    expect(await outcome(grace.post('/logout', { headers: { 'x-csrf-token': other } }))).toEqual({ status: 204 });
  },
);

shows(
  'NIST-5.1-csrf WSTG-SESS-05 ASVS-3.5.1',
  'signing in needs one too, and one from before a sign-in is worth nothing after it',
  async () => {
    const victim = office().client();
    const refused = await sendWith(victim, '/login', { username: 'ada', password: 'correct horse battery staple' });
    expect([refused.status, refused.setCookies]).toEqual([403, []]);
    const before = await formToken(victim);
    expect((await giveName(victim, 'ada')).status).toBe(204);
    expect(await outcome(sendWith(victim, '/login/code', { code: '111111', _csrf: before }))).toEqual(missing);
    expect((await send(victim, '/login/code', { code: '111111' })).status).toBe(204);
    // An attacker's own token and cookie, planted together, are the attacker's session and no more.
    const attacker = office().client();
    const planted = await formToken(attacker);
    expect(await outcome(sendWith(victim, '/logout', { _csrf: planted }))).toEqual(missing);
    expect(await isIn(victim)).toBe(true);
  },
);

shows(
  'NIST-5.1-csrf ASVS-3.5.1 ASVS-3.5.2',
  'a token is no leave for the pages of other origins, whatever content type they send',
  async () => {
    const ada = await enter(office().client(), 'ada');
    const token = await formToken(ada);
    for (const headers of [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: own().replace('http', 'https') },
      { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site', 'content-type': 'text/plain' },
      { origin: 'https://evil.example', 'content-type': 'multipart/form-data; boundary=x' },
    ]) {
      const sent = sendWith(ada, '/logout', { _csrf: token }, { ...headers, 'x-csrf-token': token });
      expect([JSON.stringify(headers), await outcome(sent)]).toEqual([JSON.stringify(headers), foreign]);
    }
    expect(await isIn(ada)).toBe(true);
    expect(await outcome(sendWith(ada, '/logout', { _csrf: token }, { origin: own() }))).toEqual({ status: 204 });
  },
);

shows('ASVS-3.5.3', 'what only reads is open to links from anywhere, and needs no token', async () => {
  const ada = await enter(office().client(), 'ada');
  for (const site of ['cross-site', 'same-site', 'none', 'same-origin']) {
    const { status } = await ada.get('/session', { headers: { 'sec-fetch-site': site } });
    expect([site, status]).toEqual([site, 200]);
  }
  expect(await isIn(ada)).toBe(true);
});
