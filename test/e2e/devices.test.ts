import type { BrowserContext, Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { pressAndWait, type Site, sharedBrowser, signInThrough, startSite } from '../support/browser.js';
import { ada } from '../support/demo.js';
import { FakeClock } from '../support/fake-clock.js';
import { needs } from '../support/needs.js';

const chromium = needs('chromium');
const minute = 60_000;

const phone =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1';

describe.runIf(chromium)('my devices, in two browsers', () => {
  const newContext = sharedBrowser(chromium ?? '');

  /** A laptop and a phone of the same person, both signed in. */
  async function twoDevices(site: Site): Promise<{ laptop: Page; phonePage: Page; contexts: BrowserContext[] }> {
    const contexts = [
      await newContext(),
      await newContext({ userAgent: phone, viewport: { width: 390, height: 844 } }),
    ];
    const [laptop, phonePage] = (await Promise.all(contexts.map((context) => context.newPage()))) as [Page, Page];
    for (const page of [laptop, phonePage]) await signInThrough(page, site.origin);
    return { laptop, phonePage, contexts };
  }
  const main = (page: Page) => page.getByRole('main').textContent();
  const status = (page: Page) => page.getByRole('status').textContent();

  test('each device is listed with its name and network, this one first, and one can be signed out', async () => {
    const site = await startSite();
    const { laptop, phonePage } = await twoDevices(site);
    await laptop.getByRole('link', { name: 'Devices' }).click();
    const names = laptop.getByRole('listitem').getByRole('heading', { level: 2 });
    expect(await names.allInnerTexts()).toEqual([
      expect.stringMatching(/^Chrom\w+ on Linux\s+This device$/),
      'Safari on an iPhone',
    ]);
    expect(await main(laptop)).toContain('127.0.0.0/24');
    await laptop.getByRole('button', { name: /^Sign out Safari on an iPhone, signed in / }).click();
    expect(await status(laptop)).toBe('Safari on an iPhone is signed out.');
    expect(await names.count()).toBe(1);
    expect(await main(laptop)).toContain('You are signed in nowhere else.');
    // Said once.
    await laptop.reload();
    expect(await laptop.getByRole('status').count()).toBe(0);

    await phonePage.goto(`${site.origin}/account`);
    expect(new URL(phonePage.url()).pathname).toBe('/login');
    expect(await status(phonePage)).toBe('You were signed out from another device or by an administrator.');
    expect(await site.sessions.count('ada')).toBe(1);
  });

  test('a page that is open leaves at once when its device is signed out from another', async () => {
    const site = await startSite();
    const { laptop, phonePage } = await twoDevices(site);
    const socket = phonePage.waitForEvent('websocket');
    await phonePage.goto(`${site.origin}/account`);
    await socket;
    await phonePage.locator('#time-left[data-watched]').waitFor({ state: 'attached' });
    await laptop.goto(`${site.origin}/devices`);
    await pressAndWait(laptop, 'Sign out the other device');
    await phonePage.waitForURL(`${site.origin}/login?next=%2Faccount`);
    expect(await phonePage.content()).not.toContain('ada');
  });

  test('all others can be signed out at once', async () => {
    const site = await startSite();
    const { laptop, phonePage } = await twoDevices(site);
    const third = await (await newContext()).newPage();
    await signInThrough(third, site.origin);
    await phonePage.goto(`${site.origin}/devices`);
    await pressAndWait(phonePage, 'Sign out the other 2 devices');
    expect(await status(phonePage)).toBe('2 other devices are signed out.');
    for (const page of [laptop, third]) {
      await page.goto(`${site.origin}/account`);
      expect(new URL(page.url()).pathname).toBe('/login');
    }
  });

  test('a session that has been left open must confirm before it changes the password, and the others then learn why they are out', async () => {
    const clock = new FakeClock();
    const site = await startSite({ options: { clock } });
    const { laptop, phonePage } = await twoDevices(site);
    clock.advance(6 * minute);
    await laptop.goto(`${site.origin}/devices`);
    await laptop.getByRole('link', { name: 'change your password' }).click();
    expect(new URL(laptop.url()).pathname).toBe('/confirm');
    await laptop.getByLabel('Password').fill('wrong');
    expect(await pressAndWait(laptop, 'Confirm')).toBe(401);
    expect(await laptop.getByRole('alert').textContent()).toBe('The password is wrong.');
    await laptop.getByLabel('Password').fill(ada.password);
    await pressAndWait(laptop, 'Confirm');
    expect(new URL(laptop.url()).pathname).toBe('/password');

    await laptop.getByLabel('New password', { exact: true }).fill('a new and better one');
    await laptop.getByLabel('New password, again').fill('a new and other one');
    expect(await pressAndWait(laptop, 'Change password')).toBe(422);
    await laptop.getByLabel('New password', { exact: true }).fill('a new and better one');
    await laptop.getByLabel('New password, again').fill('a new and better one');
    clock.advance(1);
    await pressAndWait(laptop, 'Change password');
    expect(await status(laptop)).toBe('Your password is changed, and your other devices are signed out.');

    await phonePage.goto(`${site.origin}/account`);
    expect(await status(phonePage)).toBe(
      'You were signed out because your password or another way to sign in was changed.',
    );
    clock.advance(1);
    await signInThrough(phonePage, site.origin);
    expect(await phonePage.getByRole('alert').textContent()).toBe('The user name or the password is wrong.');
    await signInThrough(phonePage, site.origin, 'a new and better one');
    expect(await main(phonePage)).toContain('Signed in as ada');
  });

  test("signing a device out asks for the password again once the sign-in is old, and another person's device is not there", async () => {
    const clock = new FakeClock();
    const site = await startSite({ options: { clock } });
    const { laptop } = await twoDevices(site);
    clock.advance(6 * minute);
    await laptop.goto(`${site.origin}/devices`);
    await pressAndWait(laptop, 'Sign out the other device');
    expect(laptop.url()).toBe(`${site.origin}/confirm?next=%2Fdevices`);
    await laptop.getByLabel('Password').fill(ada.password);
    await pressAndWait(laptop, 'Confirm');
    expect(await site.sessions.count('ada')).toBe(2);
    await pressAndWait(laptop, 'Sign out the other device');
    expect(await site.sessions.count('ada')).toBe(1);
  });

  test.each(['light', 'dark'] as const)(
    'the pages fit a phone, %s, name every field, and load nothing that is forbidden',
    async (colorScheme) => {
      const site = await startSite();
      await twoDevices(site);
      const page = await (await newContext({ viewport: { width: 320, height: 640 }, colorScheme })).newPage();
      const complaints: string[] = [];
      page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
      page.on('pageerror', (error) => complaints.push(error.message));
      await signInThrough(page, site.origin);
      for (const path of ['/devices', '/account', '/confirm', '/password']) {
        await page.goto(site.origin + path);
        expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), path).toBe(true);
        expect(await page.getByRole('heading', { level: 1 }).count()).toBe(1);
        expect(
          await page.evaluate(
            "[...document.querySelectorAll('input:not([type=hidden])')].every((field) => field.labels.length > 0)",
          ),
        ).toBe(true);
        expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe(
          colorScheme === 'dark' ? 'rgb(14, 22, 21)' : 'rgb(244, 246, 246)',
        );
      }
      expect(complaints).toEqual([]);
    },
  );
});

describe.runIf(chromium)('before the session ends', () => {
  const newContext = sharedBrowser(chromium ?? '');

  async function signedInPage(options = {}): Promise<{ page: Page; clock: FakeClock; site: Site }> {
    const clock = new FakeClock();
    const site = await startSite({ options: { clock, ...options } });
    const page = await (await newContext()).newPage();
    await page.clock.install();
    await signInThrough(page, site.origin);
    await page.goto(`${site.origin}/account`);
    // The page has its first answer, so its timer is set.
    await page.locator('#time-left[data-watched]').waitFor({ state: 'attached' });
    return { page, clock, site };
  }
  /** Time passes on both sides. */
  const pass = async (page: Page, clock: FakeClock, ms: number) => {
    clock.advance(ms);
    await page.clock.fastForward(ms);
  };

  test('a dialog says how long is left, two minutes ahead, and one key is enough to stay', async () => {
    const { page, clock, site } = await signedInPage();
    const dialog = page.getByRole('alertdialog', { name: 'Are you still there?' });
    await pass(page, clock, 57 * minute);
    expect(await dialog.count()).toBe(0);
    const began = performance.now();
    await pass(page, clock, 1 * minute + 1_000);
    await dialog.waitFor();
    const [, minutes, seconds] =
      /You will be signed out in (\d+) minute (\d+) seconds?/.exec((await dialog.textContent()) ?? '') ?? [];
    const saidMs = 60_000 * Number(minutes) + 1_000 * Number(seconds);
    expect(saidMs).toBeLessThanOrEqual(2 * minute - 1_000);
    // In the page time also passes by itself.
    expect(saidMs).toBeGreaterThanOrEqual(2 * minute - 1_000 - (performance.now() - began) - 1_000);
    // That the page asks and warns is no use of the session.
    const [before] = await site.sessions.list('ada');
    expect(before?.expiresAt.getTime()).toBe(clock.now() + 2 * minute - 1_000);
    expect(await page.locator(':focus').textContent()).toBe('Stay signed in');
    const stayed = page.waitForResponse((response) => new URL(response.url()).pathname === '/session/stay');
    await page.keyboard.press('Enter');
    await stayed;
    await dialog.waitFor({ state: 'hidden' });
    const [after] = await site.sessions.list('ada');
    expect(after?.expiresAt.getTime()).toBe(clock.now() + 60 * minute);
    expect(new URL(page.url()).pathname).toBe('/account');
  });

  test('another tab that is used takes the dialog away', async () => {
    const { page, clock, site } = await signedInPage();
    await pass(page, clock, 58 * minute + 1_000);
    const dialog = page.getByRole('alertdialog');
    await dialog.waitFor();
    const other = await page.context().newPage();
    await other.goto(`${site.origin}/account`);
    await pass(page, clock, 11_000);
    await dialog.waitFor({ state: 'hidden' });
  });

  test('when the time is over, nothing of the account stays on the screen, and the sign-in page says why', async () => {
    const { page, clock, site } = await signedInPage();
    await pass(page, clock, 58 * minute + 1_000);
    await page.getByRole('alertdialog').waitFor();
    await pass(page, clock, 2 * minute);
    await page.waitForURL(`${site.origin}/login?next=%2Faccount`);
    expect(await page.getByRole('status').textContent()).toBe('Your session has expired.');
    await page.goBack().catch(() => null);
    expect(await page.getByText('Assurance level').count()).toBe(0);
  });
});
