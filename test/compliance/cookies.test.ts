import { expect } from 'vitest';
import { ada } from '../support/demo.js';
import { shows } from './shows.js';
import { sharedSecureDemo, TlsClient } from './tls-client.js';

const secure = sharedSecureDemo();

shows(
  'ASVS-3.3.1 ASVS-3.3.2 ASVS-3.3.3 ASVS-3.3.5 NIST-5.1.1 NIST-5.1-restart WSTG-SESS-02',
  'over https each Set-Cookie has the prefix, Secure, HttpOnly, SameSite, Path=/, no Domain, no date, and is short',
  async () => {
    const client = new TlsClient(secure().origin);
    const lines = [
      ...(await client.ask('/')).setCookies,
      ...(await client.ask('/login', ada)).setCookies,
      ...(await client.ask('/confirm', { password: ada.password })).setCookies,
    ];
    expect(lines).toHaveLength(3);
    for (const line of lines) {
      const [pair = '', ...attributes] = line.split('; ');
      expect(pair).toMatch(/^__Host-Http-sid=[\w-]+$/);
      expect(pair.length).toBeLessThanOrEqual(4096);
      expect(attributes.sort()).toEqual(['HttpOnly', 'Path=/', 'SameSite=Lax', 'Secure']);
    }
  },
);

shows(
  'NIST-5.1-protected WSTG-SESS-09 WSTG-SESS-02',
  'in production plain http gets no cookie, and a cookie that comes over it opens nothing',
  async () => {
    const client = new TlsClient(secure().origin);
    await client.ask('/login', ada);
    const plain = secure().demo.client();
    const answer = await plain.get('/', { cookie: client.cookie });
    expect([answer.status, answer.setCookies]).toEqual([200, []]);
    expect(answer.text).toContain('Nobody is signed in.');
    expect((await client.ask('/account')).text).toContain('<strong>ada</strong>');
  },
);
