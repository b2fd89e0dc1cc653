import express from 'express';
import { sessionOf } from 'holdfast';
import type { Page } from 'playwright-core';
import { describe, expect, onTestFinished, test } from 'vitest';
import { listen, parentDomain, type Site, sharedBrowser, signInThrough, startSite } from '../support/browser.js';
import { needs } from '../support/needs.js';
import { askTls, startTlsProxy } from '../support/tls-proxy.js';

const chromium = needs('chromium');

interface Seen {
  /** The Cookie header as it came, one character a byte. */
  readonly cookie: string;
  readonly owner: string | null;
}

describe.runIf(chromium)('cookies from a sibling subdomain', () => {
  const newContext = sharedBrowser(chromium ?? '');

  async function start(): Promise<{ app: string; sibling: string; site: Site; refusals: string[]; mallory: string }> {
    const refusals: string[] = [];
    const site = await startSite({
      tls: 'trusted',
      routes: (app, sessions) => {
        sessions.on((event) => event.type === 'token-refused' && refusals.push(event.reason));
        app.get('/seen', (req, res) => {
          res.json({ cookie: req.headers.cookie ?? '', owner: sessionOf(req).info.owner ?? null });
        });
        app.get('/become/:owner', async (req, res) => {
          await sessionOf(req).signIn(req.params.owner);
          res.sendStatus(204);
        });
        app.get('/twin', (req, res) => {
          res.append('Set-Cookie', `__Host-Http-sid=${req.query.token}; Path=/; Secure; HttpOnly; Partitioned`);
          res.send('<!doctype html><title>Twin</title>');
        });
      },
    });
    const evil = express();
    // Sets cookies just as the query says, raw bytes included.
    evil.get('/', (req, res) => {
      res.setHeader('Set-Cookie', [req.query.set ?? []].flat().map(String));
      res.send('<!doctype html><title>A page of the same company</title>');
    });
    const proxy = await startTlsProxy(await listen(evil));
    onTestFinished(() => proxy.close());
    // A real session of the attacker's own: the best that could be planted.
    const { setCookies } = await askTls(`${site.origin}/become/mallory`);
    return {
      app: `https://app.${parentDomain}:${site.port}`,
      sibling: `https://blog.${parentDomain}:${proxy.port}`,
      site,
      refusals,
      mallory: /=([\w-]{92});/.exec(setCookies[0] ?? '')?.[1] ?? '',
    };
  }

  const seen = async (page: Page, app: string): Promise<Seen> => {
    const answer = await page.goto(`${app}/seen`);
    return (await answer?.json()) as Seen;
  };
  const plant = (page: Page, sibling: string, lines: readonly string[]) =>
    page.goto(`${sibling}/?${new URLSearchParams(lines.map((line): [string, string] => ['set', line]))}`);

  test("none of the session's name reaches the app: not for a path, nor in capitals, nor without a name", async () => {
    const { app, sibling, mallory } = await start();
    const page = await (await newContext()).newPage();
    const everywhere = `Domain=${parentDomain}; Secure; HttpOnly`;
    const attempts = [
      `__Host-Http-sid=${mallory}; Path=/; ${everywhere}`,
      `__Host-Http-sid=${mallory}; Path=/account; ${everywhere}`,
      `__host-http-sid=${mallory}; Path=/; ${everywhere}`,
      `__HOST-HTTP-SID=${mallory}; Path=/; ${everywhere}`,
      `=__Host-Http-sid=${mallory}; Path=/; ${everywhere}`,
      `__Host-Http-sid = ${mallory}; Path=/; ${everywhere}`,
    ];
    // The control: that way a cookie with an ordinary name does arrive.
    await plant(page, sibling, [...attempts, `sid=${mallory}; Path=/; ${everywhere}`]);
    expect(await seen(page, app)).toEqual({ cookie: `sid=${mallory}`, owner: null });

    await signInThrough(page, app);
    await plant(page, sibling, attempts);
    const { cookie, owner } = await seen(page, app);
    expect(owner).toBe('ada');
    expect(cookie.match(/host-http-sid/gi)).toHaveLength(1);
  });

  test.each([
    ['U+00A0', '\u00a0'],
    ['U+0085', '\u0085'],
  ])('a raw %s before the name passes the browser, and the app does not take it for the name', async (_, byte) => {
    const { app, sibling, mallory } = await start();
    const page = await (await newContext()).newPage();
    const tossed = `${byte}__Host-Http-sid=${mallory}`;
    const lines = [
      `${tossed}; Domain=${parentDomain}; Path=/; Secure`,
      `${tossed}; Domain=${parentDomain}; Path=/seen; Secure`,
    ];
    await plant(page, sibling, lines);
    const alone = await seen(page, app);
    expect(alone.owner).toBeNull();
    // The browser has stored it and sends it, byte for byte: it is the app's reading that keeps it out.
    expect(alone.cookie).toBe(`${tossed}; ${tossed}`);

    await signInThrough(page, app);
    await plant(page, sibling, lines);
    const both = await seen(page, app);
    expect(both.owner).toBe('ada');
    expect(both.cookie).toContain(tossed);
  });

  test('a full jar loses the session, which signs the person out, and no other can be put in its place', async () => {
    const { app, sibling, mallory } = await start();
    const context = await newContext();
    const page = await context.newPage();
    await signInThrough(page, app);
    expect((await seen(page, app)).owner).toBe('ada');
    for (let batch = 0; batch < 8; batch++) {
      const junk = Array.from(
        { length: 50 },
        (_, at) => `junk-${batch}-${at}=x; Domain=${parentDomain}; Path=/; Secure`,
      );
      await plant(page, sibling, junk);
    }
    const after = await seen(page, app);
    expect(after.cookie).toContain('junk-7-49=x');
    expect(after.cookie).not.toContain('__Host-Http-sid');
    expect(after.owner).toBeNull();

    await plant(page, sibling, [`__Host-Http-sid=${mallory}; Domain=${parentDomain}; Path=/; Secure; HttpOnly`]);
    // A script of the app's own host (XSS) can't either, although no HttpOnly cookie is in its way any more.
    await page.goto(`${app}/login`);
    await page.evaluate(`document.cookie = '__Host-Http-sid=${mallory}; Path=/; Secure'`);
    expect((await seen(page, app)).cookie).not.toContain('__Host-Http-sid');

    await context.clearCookies({ name: /^junk/ });
    await signInThrough(page, app);
    expect((await seen(page, app)).owner).toBe('ada');
  });

  test('and two genuine ones, as a partitioned and an unpartitioned cookie can be, open no session', async () => {
    const { site, refusals, mallory } = await start();
    const page = await (await newContext()).newPage();
    await signInThrough(page, site.origin);
    await page.goto(`${site.origin}/account`);
    expect(page.url()).toBe(`${site.origin}/account`);
    await page.goto(`${site.origin}/twin?token=${mallory}`);
    const { cookie, owner } = await seen(page, site.origin);
    expect(cookie.match(/__Host-Http-sid=/g)).toHaveLength(2);
    // Neither the one's nor the other's.
    expect(owner).toBeNull();
    expect(refusals).toContain('ambiguous');
  });
});
