import express, { type Express } from 'express';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from '../support/app.js';
import { Random } from '../support/random.js';
import { getWithCookie } from '../support/raw.js';
import { everyVerb, type Me, signedIn, tokenOf } from '../support/routes.js';
import { type OpenStore, storeKinds } from '../support/stores.js';

/** Behind a TLS proxy that the app trusts, where the cookie has its real name. */
const overTls = ['X-Forwarded-Proto: https'];

function trustingProxy(): Express {
  const app = express();
  app.set('trust proxy', true);
  return app;
}

describe.each(storeKinds)('G10, cookies however malformed: $name', (kind) => {
  let opened: OpenStore;
  let app: TestApp;
  let victim: string;
  let attacker: string;

  beforeEach(async () => {
    opened = await kind.open();
    app = await startApp(everyVerb, { store: opened.store }, trustingProxy);
    victim = tokenOf(await signedIn(app, 'victim'));
    attacker = tokenOf(await signedIn(app, 'attacker'));
  });
  afterEach(async () => {
    await app.close();
    await opened.remove();
  });

  describe.each([
    ['over https', (): string => '__Host-Http-sid', overTls],
    ['over http on this machine', (): string => app.cookieName, []],
  ] as const)('%s', (_where, nameOf, headers) => {
    const ownerOf = async (...cookies: (string | Uint8Array)[]): Promise<string | undefined> => {
      const answer = await getWithCookie(app.port, '/me', cookies, headers);
      expect(answer.status, JSON.stringify(cookies)).toBe(200);
      expect(answer.head).not.toMatch(/set-cookie/i);
      return (JSON.parse(answer.body) as Me).owner;
    };

    it('a cookie that only looks like ours does not stand in for it, and does not get in its way', async () => {
      const name = nameOf();
      const lookalikes = [
        `\xa0${name}=${attacker}`,
        `\x85${name}=${attacker}`,
        `\xe2\x80\x80${name}=${attacker}`,
        `\xc2\xa0${name}=${attacker}`,
        `${name}\xa0=${attacker}`,
        `${name} =${attacker}`,
        `${name}\t=${attacker}`,
        `${name.toUpperCase()}=${attacker}`,
        `${name.replace(/s/g, 'S')}=${attacker}`,
        `=${name}=${attacker}`,
        `x=${name}=${attacker}`,
        `$Version=1, ${name}=${attacker}`,
        `"${name}=${attacker}"`,
        `${name}="${attacker}"`,
        `${name}='${attacker}'`,
        `${name}=%${attacker}`,
        `${name}=${encodeURIComponent(`"${attacker}"`)}`,
        `${name}=${attacker}, ${name}=${attacker}`,
        `${name}==${attacker}`,
        `${name}[]=${attacker}`,
        `${name}.a=${attacker}`,
        `${name.slice(1)}=${attacker}`,
        `_${name}=${attacker}`,
        `${name}x=${attacker}`,
        `__Secure-sid=${attacker}`,
        `__Host-sid=${attacker}`,
        `sid=${attacker}`,
      ];
      for (const cookie of lookalikes) {
        expect(await ownerOf(cookie), JSON.stringify(cookie)).toBeUndefined();
        expect(await ownerOf(`${cookie}; ${name}=${victim}`), JSON.stringify(cookie)).toBe('victim');
        expect(await ownerOf(`${name}=${victim}; ${cookie}`), JSON.stringify(cookie)).toBe('victim');
        expect(await ownerOf(cookie, `${name}=${victim}`), JSON.stringify(cookie)).toBe('victim');
      }
    });

    it('ours is found in whatever company, blanks around it or none', async () => {
      const name = nameOf();
      for (const cookie of [
        `a=1;${name}=${victim}`,
        `a=1; ${name}=${victim};b=2`,
        `;;; ${name}=${victim};;`,
        ` \t ${name}=${victim} \t ;a`,
        `a; b; =; ${name}=${victim}`,
        `${'junk=1; '.repeat(300)}${name}=${victim}`,
        `${name}=${victim}; ${name}=${victim}`,
        `${name}=; ${name}=${victim}`,
        `${name}=junk; ${name}=${victim}`,
      ]) {
        expect(await ownerOf(cookie), cookie.slice(0, 80)).toBe('victim');
      }
    });

    it('two different tokens that both hold are nobody, in any order, and an event says so', async () => {
      const name = nameOf();
      expect(await ownerOf(`${name}=${victim}; ${name}=${attacker}`)).toBeUndefined();
      expect(await ownerOf(`${name}=${attacker}; ${name}=${victim}`)).toBeUndefined();
      expect(await ownerOf(`${name}=${attacker}`, `${name}=${victim}`)).toBeUndefined();
      expect(app.events.at(-1)).toMatchObject({ type: 'token-refused', reason: 'ambiguous' });
      // And no amount of copies in front makes one of them win.
      expect(await ownerOf(`${`${name}=${attacker}; `.repeat(20)}${name}=${victim}`)).not.toBe('victim');
    });

    it('2,500 headers of any bytes log nobody in but who they name exactly, and break nothing', async () => {
      const random = new Random(headers.length + 10);
      const name = nameOf();
      const pieces = [
        ...[
          name,
          `${name}=`,
          `${name}=${victim}`,
          `${name}=${attacker}`,
          victim,
          attacker,
          '__Host-',
          'sid',
          '=',
          '==',
          ';',
        ],
        ...[
          '; ',
          ',',
          '"',
          '\\',
          ' ',
          '\t',
          '\xa0',
          '\x85',
          '\x00',
          '\x01',
          '\x7f',
          '\xff',
          '%00',
          '%3D',
          '[',
          '{}',
          '__proto__=',
        ],
        ...['constructor=x', '$Path=/', 'a'.repeat(300), '\x0b', '\x0c', '\xc2\xa0', 'Expires=0'],
      ];
      const events = app.events.length;
      const batch = 25;
      for (let done = 0; done < 1_250; done += batch) {
        const cookies = Array.from({ length: batch }, () =>
          random.chance(0.3)
            ? random.bytes(random.below(200)).map((byte) => (byte === 10 || byte === 13 ? 32 : byte))
            : Array.from({ length: 1 + random.below(8) }, () => random.pick(pieces)).join(''),
        );
        const answers = await Promise.all(
          cookies.map((cookie) =>
            getWithCookie(
              app.port,
              random.chance(0.5) ? '/me' : '/guarded',
              random.chance(0.2) ? [cookie, cookie] : [cookie],
              headers,
            ),
          ),
        );
        answers.forEach((answer, index) => {
          const cookie = Buffer.from(
            cookies[index] as string,
            typeof cookies[index] === 'string' ? 'latin1' : undefined,
          ).toString('latin1');
          // Node itself refuses control characters with 400.
          expect([200, 400, 401], JSON.stringify(cookie)).toContain(answer.status);
          const owner = answer.status === 200 ? (JSON.parse(answer.body) as Me).owner : undefined;
          if (owner !== undefined) expect(namedBy(cookie, name), JSON.stringify(cookie)).toContain(owner);
          expect(answer.head).not.toMatch(/set-cookie/i);
        });
      }
      expect(app.events.length).toBeGreaterThan(events);
      expect(await ownerOf(`${name}=${victim}`)).toBe('victim');
    });
  });

  it('a header as large as Node takes is read in its stride', async () => {
    const name = app.cookieName;
    for (const cookie of [
      `${name}=`.repeat(500),
      `${name}=${'A'.repeat(9_000)}`,
      `${name}=x; `.repeat(400),
      ';'.repeat(9_000),
    ]) {
      const answer = await getWithCookie(app.port, '/me', [cookie]);
      expect(answer.status).toBe(200);
    }
    expect((await getWithCookie(app.port, '/me', [`a=${'A'.repeat(40_000)}`])).status).toBe(431);
  });

  it("the https name is not read over http, nor http's over https", async () => {
    const http = await getWithCookie(app.port, '/me', [`__Host-Http-sid=${victim}`]);
    expect((JSON.parse(http.body) as Me).owner).toBeUndefined();
    const https = await getWithCookie(app.port, '/me', [`${app.cookieName}=${victim}`], overTls);
    expect((JSON.parse(https.body) as Me).owner).toBeUndefined();
  });

  /** Said a second time and otherwise: whoever has a pair of exactly this name and exactly their token. */
  function namedBy(header: string, name: string): string[] {
    const values = header.split(';').map((pair) => pair.replace(/^[ \t]+|[ \t]+$/g, ''));
    return [
      ...(values.includes(`${name}=${victim}`) ? ['victim'] : []),
      ...(values.includes(`${name}=${attacker}`) ? ['attacker'] : []),
    ];
  }
});
