/** A real Chromium, and the demo's app in front of it, in this process so that a test can stop a request in its middle. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type Express } from 'express';
import { memoryStore, type SessionOptions, type Sessions, session } from 'holdfast';
import { deviceLabel } from 'holdfast/devices';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { createApp } from '../../demo/app.js';
import { answerError } from '../../demo/errors.js';
import { serveLive } from '../../demo/live.js';
import { Users } from '../../demo/users.js';
import { ada } from './demo.js';
import { startTlsProxy } from './tls-proxy.js';

/** A host of another site than localhost, which the browser finds on this machine. */
export const otherSite = 'attacker.test';

/** Hosts under it are siblings: one site, several origins, and cookies with `Domain` reach them all. */
export const parentDomain = 'example.test';

/** One browser for all tests of a file; each context is a fresh profile, removed with its test. */
export function sharedBrowser(executablePath: string): (options?: BrowserContextOptions) => Promise<BrowserContext> {
  let browser: Browser | undefined;
  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath,
      // Playwright turns the page cache for the back button off, and what that cache shows is to be tested.
      ignoreDefaultArgs: ['--disable-back-forward-cache'],
      args: [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        `--host-resolver-rules=MAP ${otherSite} 127.0.0.1, MAP *.${parentDomain} 127.0.0.1`,
      ],
    });
  });
  afterAll(() => browser?.close());
  return async (options = {}) => {
    if (browser === undefined) throw new Error('The browser starts before the first test, not earlier.');
    const context = await browser.newContext({ ignoreHTTPSErrors: true, ...options });
    // Whatever is waited for, a busy machine has the time that the test has.
    context.setDefaultTimeout(0);
    onTestFinished(() => context.close());
    return context;
  };
}

export interface Site {
  readonly origin: string;
  readonly port: number;
  readonly sessions: Sessions;
  /** What holdfast wrote to the log. */
  readonly lines: readonly string[];
}

export interface SiteOptions {
  /** Routes of the test's own, before the demo's. */
  readonly routes?: (app: Express, sessions: Sessions) => void;
  /** Behind a proxy that ends TLS; the app trusts it or does not. */
  readonly tls?: 'trusted' | 'untrusted';
  readonly options?: SessionOptions;
}

/** The demo's app on a free port, ended with the test. */
export async function startSite({ routes, tls, options }: SiteOptions = {}): Promise<Site> {
  const lines: string[] = [];
  const sessions = session({
    store: memoryStore(),
    secret: 'fr0m-a-br0wser-t3st-mT4cW9xJ6rP2kY8v',
    log: (line) => lines.push(line),
    deviceLabel,
    ...options,
  });
  const users = new Users();
  await users.set(ada.username, ada.password);
  const app = express();
  if (tls === 'trusted') app.set('trust proxy', 1);
  app.use(sessions);
  routes?.(app, sessions);
  app.use(createApp({ sessions, users }));
  // For what the sessions above refuse before the demo's app is reached.
  app.use(answerError);
  const port = await listen(app, (server) => serveLive(server, { app, sessions }));
  onTestFinished(() => sessions.close());
  if (tls === undefined) return { origin: `http://localhost:${port}`, port, sessions, lines };
  const proxy = await startTlsProxy(port);
  onTestFinished(() => proxy.close());
  return { origin: proxy.origin, port: proxy.port, sessions, lines };
}

/** Serves on a free port of this machine until the test ends. */
export async function listen(
  app: Express,
  serve: (server: Server) => () => void = () => () => undefined,
): Promise<number> {
  const server = createServer(app);
  const sendAway = serve(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    sendAway();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

/** Fills in and sends the sign-in form, and waits for the page that follows. */
export async function signInThrough(page: Page, origin: string, password = ada.password): Promise<void> {
  await page.goto(`${origin}/login`);
  await page.getByLabel('User name').fill(ada.username);
  await page.getByLabel('Password').fill(password);
  await pressAndWait(page, 'Sign in');
}

/** Presses a button that sends a form, and waits for the answer to be shown; says its status. */
export async function pressAndWait(page: Page, name: string): Promise<number | undefined> {
  const answered = page.waitForResponse((response) => response.request().method() === 'POST');
  const loaded = page.waitForEvent('load');
  await page.getByRole('button', { name, exact: true }).first().click();
  const status = (await answered).status();
  await loaded;
  return status;
}
