/**
 * Takes the pictures of the demo that the pages show: `npm run screenshots`, after `npm run build`. Prevents: pictures of
 * a demo that looks otherwise by now.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { memoryStore, session } from 'holdfast';
import { deviceLabel } from 'holdfast/devices';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { createApp } from '../demo/app.js';
import { serveLive } from '../demo/live.js';
import { Users } from '../demo/users.js';
import { findProgram } from '../test/support/programs.js';
import { repository } from './support.js';

const ada = { username: 'ada', password: 'correct horse battery staple' };
const desktop = { width: 960, height: 720 };
const phone = { width: 390, height: 780 };
const agents = {
  windows: 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0',
  iphone:
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1',
};

async function signIn(page: Page, origin: string): Promise<void> {
  await page.goto(`${origin}/login`);
  await page.getByLabel('User name').fill(ada.username);
  await page.getByLabel('Password').fill(ada.password);
  await Promise.all([page.waitForURL(`${origin}/`), page.getByRole('button', { name: 'Sign in' }).click()]);
}

async function take(browser: Browser, origin: string): Promise<void> {
  const open = async (options: BrowserContextOptions): Promise<Page> => (await browser.newContext(options)).newPage();
  const shoot = (page: Page, name: string) =>
    page.screenshot({ path: join(repository, 'docs', 'images', `${name}.png`), animations: 'disabled' });

  for (const userAgent of Object.values(agents)) await signIn(await open({ userAgent }), origin);
  const light = await open({ viewport: desktop, colorScheme: 'light' });
  await signIn(light, origin);
  await shoot(light, 'demo-home');
  await light.goto(`${origin}/devices`);
  await shoot(light, 'demo-devices');
  await light.clock.install();
  await light.goto(`${origin}/account`);
  // The page is told that less than two minutes are left; all else is real.
  await light.route('**/session/time-left', async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ json: { ...(await answer.json()), expiresInMs: 104_000 } });
  });
  await light.reload();
  await light.getByRole('alertdialog').waitFor();
  await shoot(light, 'demo-time-left');

  const dark = await open({ viewport: phone, colorScheme: 'dark', userAgent: agents.iphone });
  await signIn(dark, origin);
  await dark.goto(`${origin}/devices`);
  await shoot(dark, 'demo-devices-phone');
  const account = await open({ viewport: desktop, colorScheme: 'dark' });
  await signIn(account, origin);
  await account.goto(`${origin}/account`);
  await shoot(account, 'demo-account-dark');
  await account.goto(`${origin}/devices`);
  await account.getByRole('button', { name: /^Sign out the other/ }).click();
  await account.getByRole('status').waitFor();
  // The phone was open: it has gone to the sign-in page by itself.
  await dark.waitForURL(`${origin}/login?next=%2Fdevices`);
  await dark.getByRole('status').waitFor();
  await dark.emulateMedia({ colorScheme: 'light' });
  await shoot(dark, 'demo-sign-in-phone');
}

const sessions = session({ store: memoryStore(), secret: 'f0r-the-p1ctures-only-kT4cW9xJ6rP2mY8v', deviceLabel });
const users = new Users();
await users.set(ada.username, ada.password);
const app = createApp({ sessions, users });
const server = createServer(app).listen(0, '127.0.0.1');
const sendAway = serveLive(server, { app, sessions });
await once(server, 'listening');
const browser = await chromium.launch({
  executablePath: findProgram('chromium') ?? '',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
});
try {
  await take(browser, `http://localhost:${(server.address() as AddressInfo).port}`);
} finally {
  await browser.close();
  sendAway();
  server.closeAllConnections();
  server.close();
  await sessions.close();
}
