import { describe, expect, test } from 'vitest';
import { pressAndWait, sharedBrowser, signInThrough, startSite } from '../support/browser.js';
import { needs } from '../support/needs.js';

const chromium = needs('chromium');

describe.runIf(chromium)('the cookie as a browser keeps it', () => {
  const newContext = sharedBrowser(chromium ?? '');

  test('on localhost over http: its own name, no script, no other host, gone with the browser', async () => {
    const { origin } = await startSite();
    const context = await newContext();
    const page = await context.newPage();
    await signInThrough(page, origin);
    expect(await context.cookies()).toEqual([
      {
        name: 'sid-test',
        value: expect.stringMatching(/^[\w-]{92}$/),
        // Without a leading dot: no Domain attribute was given.
        domain: 'localhost',
        path: '/',
        expires: -1,
        httpOnly: true,
        secure: false,
        sameSite: 'Lax',
      },
    ]);
    expect(await page.evaluate('document.cookie')).toBe('');
  });

  test('over https: a name that only a server of this very host can give, and that no script sees or changes', async () => {
    const { origin } = await startSite({ tls: 'trusted' });
    const context = await newContext();
    const page = await context.newPage();
    await signInThrough(page, origin);
    const stored = await context.cookies();
    expect(stored).toEqual([
      {
        name: '__Host-Http-sid',
        value: expect.stringMatching(/^[\w-]{92}$/),
        domain: 'localhost',
        path: '/',
        expires: -1,
        httpOnly: true,
        secure: true,
        sameSite: 'Lax',
      },
    ]);
    expect(await page.evaluate('document.cookie')).toBe('');
    for (const attributes of [
      'Secure; Path=/',
      'Secure; Path=/account',
      'Secure; Path=/; Max-Age=0',
      'Secure; Path=/; HttpOnly',
    ]) {
      await page.evaluate(`document.cookie = '__Host-Http-sid=planted; ${attributes}'`);
    }
    expect(await context.cookies()).toEqual(stored);

    // Nor where there is none yet: signing in must not meet a token that somebody else knows.
    await pressAndWait(page, 'Sign out');
    expect((await context.cookies()).map(({ value }) => value)).not.toContain(stored[0]?.value);
    await context.clearCookies();
    await page.evaluate("document.cookie = '__Host-Http-sid=planted; Secure; Path=/'");
    expect(await context.cookies()).toEqual([]);
  });

  test('behind a proxy that is not trusted signing in fails for all to see', async () => {
    const { origin, lines } = await startSite({
      tls: 'untrusted',
      routes: (app, sessions) => {
        app.get('/why', (req, res) => {
          res.json(sessions.explain(req));
        });
      },
    });
    const context = await newContext();
    const page = await context.newPage();
    await page.goto(`${origin}/login`);
    await page.getByLabel('User name').fill('ada');
    await page.getByLabel('Password').fill('correct horse battery staple');
    expect(await pressAndWait(page, 'Sign in')).toBe(500);
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe(
      'Signing in does not work over this connection, because it can’t carry a session cookie.',
    );
    // Shown while developing only.
    expect(await page.getByRole('main').textContent()).toContain("app.set('trust proxy', 1)");
    expect(await context.cookies()).toEqual([]);

    const remedy =
      "A proxy says that it took the request over https, but the app does not trust it: call app.set('trust proxy', 1), with 1 being the number of proxies in front.";
    expect(lines).toEqual([`holdfast: No session cookie can be set on this request. ${remedy}`]);
    const why = await page.goto(`${origin}/why`);
    expect(await why?.json()).toMatchObject({
      session: 'none',
      cookie: 'withheld',
      because: [`No cookie is read or set on this request (tls-proxy-untrusted). ${remedy}`],
    });
  });
});
