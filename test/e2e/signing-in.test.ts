import { sessionOf } from 'holdfast';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { pressAndWait, sharedBrowser, signInThrough, startSite } from '../support/browser.js';
import { deferred } from '../support/deferred.js';
import { ada } from '../support/demo.js';
import { needs } from '../support/needs.js';

const chromium = needs('chromium');

const main = (page: Page) => page.getByRole('main').textContent();

describe.runIf(chromium)('in a browser', () => {
  const newContext = sharedBrowser(chromium ?? '');

  test('a person signs in through the form, and the views go on', async () => {
    const { origin } = await startSite();
    const page = await (await newContext()).newPage();
    await page.goto(origin);
    expect(await page.getByText(/^Views:/).textContent()).toBe('Views: 1');
    await page.reload();
    expect(await page.getByText(/^Views:/).textContent()).toBe('Views: 2');
    await signInThrough(page, origin);
    expect(page.url()).toBe(`${origin}/`);
    expect(await page.getByText(/^Views:/).textContent()).toBe('Views: 3');
    expect(await main(page)).toContain('Signed in as ada.');
  });

  test('the keyboard is enough', async () => {
    const { origin } = await startSite();
    const page = await (await newContext()).newPage();
    await page.goto(`${origin}/account`);
    // The user name has the focus already, as soon as the page is there.
    await page.locator('input[name=username]:focus').waitFor();
    await page.keyboard.type(ada.username);
    await page.keyboard.press('Tab');
    await page.locator('input[name=password]:focus').waitFor();
    await page.keyboard.type(ada.password);
    expect(await page.locator('input[name=username]').inputValue()).toBe(ada.username);
    expect(await page.locator('input[name=password]').inputValue()).toBe(ada.password);
    await Promise.all([page.waitForURL(`${origin}/account`), page.keyboard.press('Enter')]);
    await page.keyboard.press('Tab');
    expect(await page.locator(':focus').textContent()).toBe('Skip to the content');
    await page.keyboard.press('Enter');
    expect(await page.locator(':focus').getAttribute('id')).toBe('main');
  });

  test('a wrong password leaves the person at the form, with an alert and without a cookie', async () => {
    const { origin } = await startSite();
    const context = await newContext();
    const page = await context.newPage();
    await signInThrough(page, origin, 'wrong');
    expect(await page.getByRole('alert').textContent()).toBe('The user name or the password is wrong.');
    expect(await page.getByLabel('User name').inputValue()).toBe(ada.username);
    expect(await page.getByLabel('Password').inputValue()).toBe('');
    expect(await context.cookies()).toEqual([]);
  });

  test('two tabs have one session, and signing out in one is signing out in both', async () => {
    const { origin } = await startSite();
    const context = await newContext();
    const [one, two] = [await context.newPage(), await context.newPage()];
    await signInThrough(one, origin);
    await two.goto(origin);
    expect(await main(two)).toContain('Signed in as ada.');
    expect(await main(two)).toContain('Views: 2');
    await pressAndWait(one, 'Sign out');
    // The page hears of it and goes by itself.
    await two.waitForURL(`${origin}/login?next=%2F`);
    await two.goto(`${origin}/account`);
    expect(two.url()).toBe(`${origin}/login?next=%2Faccount`);
  });

  test.each([
    ['GET', 200],
    ['POST', 401],
  ])('a slow %s that saves after the other tab signed out brings nothing back', async (method, expected) => {
    const [entered, released] = [deferred(), deferred()];
    const { origin, sessions } = await startSite({
      routes: (app) => {
        app.get('/slow-form', (_req, res) => {
          res.send(`<form method="${method}" action="/slow"><button>Go</button></form>`);
        });
        app.all('/slow', async (req, res) => {
          const session = sessionOf<{ note: string }>(req);
          session.note = 'written after the sign-out';
          entered.resolve();
          await released.promise;
          res.send('<p>The slow page</p>');
        });
      },
    });
    const context = await newContext();
    const [one, two] = [await context.newPage(), await context.newPage()];
    await signInThrough(one, origin);
    await two.goto(`${origin}/slow-form`);
    const slow = two.waitForResponse((response) => new URL(response.url()).pathname === '/slow');
    await two.getByRole('button', { name: 'Go' }).click({ noWaitAfter: true });
    await entered.promise;

    const signedIn = await context.cookies();
    await pressAndWait(one, 'Sign out');
    // The home page has begun a session of nobody's: its cookie must stay as it is.
    const afterwards = await context.cookies();
    expect(afterwards).toHaveLength(1);
    expect(afterwards).not.toEqual(signedIn);
    released.resolve();

    const response = await slow;
    expect(response.status()).toBe(expected);
    expect(await response.headerValue('set-cookie')).toBeNull();
    expect(await context.cookies()).toEqual(afterwards);
    expect(await sessions.list('ada')).toEqual([]);
    for (const tab of [one, two]) {
      await tab.goto(`${origin}/account`);
      expect(tab.url()).toContain('/login');
    }
  });

  test('after signing out, the back button shows nothing of the account', async () => {
    const { origin } = await startSite();
    const page = await (await newContext()).newPage();
    await signInThrough(page, origin);
    await page.goto(`${origin}/account`);
    expect(await main(page)).toContain('Your account');
    await pressAndWait(page, 'Sign out');
    expect(await main(page)).toContain('Nobody is signed in.');
    await page.goBack();
    expect(page.url()).toContain('/login');
    expect(await page.content()).not.toContain('ada');
  });

  test('pages fit a phone, load nothing that the policy forbids, and name every field', async () => {
    const { origin } = await startSite();
    const context = await newContext({ viewport: { width: 320, height: 640 } });
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    await signInThrough(page, origin);
    for (const path of ['/', '/account', '/login']) {
      await page.goto(origin + path);
      expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), path).toBe(true);
      expect(await page.getByRole('heading', { level: 1 }).count()).toBe(1);
      expect(
        await page.evaluate(
          "[...document.querySelectorAll('input:not([type=hidden])')].every((field) => field.labels.length > 0)",
        ),
      ).toBe(true);
      expect(await page.evaluate("getComputedStyle(document.querySelector('.brand')).display")).toBe('flex');
    }
    expect(complaints).toEqual([]);
  });
});
