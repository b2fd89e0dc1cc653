import express from 'express';
import { describe, expect, test } from 'vitest';
import { listen, otherSite, pressAndWait, sharedBrowser, signInThrough, startSite } from '../support/browser.js';
import { needs } from '../support/needs.js';

const chromium = needs('chromium');

describe.runIf(chromium)('CSRF tokens in a browser', () => {
  const newContext = sharedBrowser(chromium ?? '');

  test("the app's own form has one and is taken; the same form without it, or of another site with a stolen one, is not", async () => {
    let stolen = '';
    const forms = express.urlencoded({ extended: false });
    const { origin } = await startSite({
      options: { crossSite: { token: true, forms, allow: ['POST /login'] } },
      routes(app, sessions) {
        app.get('/transfer', (req, res) => {
          stolen = sessions.csrfToken(req);
          res.send(`<!doctype html><title>Transfer</title>
            <form method="post" action="/transfer"><input type="hidden" name="_csrf" value="${stolen}"><button>With</button></form>
            <form method="post" action="/transfer"><button>Without</button></form>`);
        });
        app.post('/transfer', forms, (_req, res) => void res.send('done'));
      },
    });
    const attacker = express();
    attacker.get('/', (_req, res) => {
      res.send(
        `<!doctype html><title>Win</title><form method="post" action="${origin}/transfer"><input type="hidden" name="_csrf" value="${stolen}"><button>Win</button></form>`,
      );
    });
    const context = await newContext();
    const page = await context.newPage();
    await signInThrough(page, origin);
    await page.goto(`${origin}/transfer`);
    expect(await pressAndWait(page, 'Without')).toBe(403);
    await page.goto(`${origin}/transfer`);
    expect(await pressAndWait(page, 'With')).toBe(200);
    await page.goto(`http://${otherSite}:${await listen(attacker)}`);
    expect(await pressAndWait(page, 'Win')).toBe(403);
  });
});
