import express from 'express';
import { describe, expect, test } from 'vitest';
import { listen, otherSite, pressAndWait, sharedBrowser, signInThrough, startSite } from '../support/browser.js';
import { ada } from '../support/demo.js';
import { needs } from '../support/needs.js';

const chromium = needs('chromium');

describe.runIf(chromium)("another site's page in the same browser", () => {
  const newContext = sharedBrowser(chromium ?? '');

  /** A page elsewhere with forms that aim at the app. */
  async function attackerOn(host: string, target: string): Promise<string> {
    const app = express();
    app.get('/', (_req, res) => {
      res.send(`<!doctype html><title>Win</title>
        <form method="post" action="${target}/logout"><button>Sign out</button></form>
        <form method="post" action="${target}/login">
        <input name="username" value="${ada.username}"><input name="password" value="${ada.password}"><button>Sign in</button></form>`);
    });
    return `http://${host}:${await listen(app)}`;
  }

  test.each([
    ['of another site', otherSite, 'ERR_SESSION_CROSS_SITE: The request was sent by a page of another site'],
    [
      'of another port of the same host',
      'localhost',
      'ERR_SESSION_CROSS_SITE: The request was sent by a page of another origin of the same site',
    ],
  ])('a form %s signs nobody in and nobody out', async (_, host, message) => {
    const { origin, sessions } = await startSite();
    const attacker = await attackerOn(host, origin);
    const context = await newContext();
    const page = await context.newPage();

    await page.goto(attacker);
    expect(await pressAndWait(page, 'Sign in')).toBe(403);
    expect(await page.getByRole('main').textContent()).toContain(message);
    expect(await page.getByRole('main').textContent()).toContain(`crossSite: { origins: ['${attacker}'] }`);
    expect(await context.cookies()).toEqual([]);

    await signInThrough(page, origin);
    const cookies = await context.cookies();
    await page.goto(attacker);
    expect(await pressAndWait(page, 'Sign out')).toBe(403);
    expect(await context.cookies()).toEqual(cookies);
    expect(await sessions.list('ada')).toHaveLength(1);
    await page.goto(`${origin}/account`);
    expect(page.url()).toBe(`${origin}/account`);
  });
});
