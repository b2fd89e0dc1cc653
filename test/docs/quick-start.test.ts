import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { blocksOf, pagesOf } from '../../scripts/check-docs.js';
import { Client } from '../support/client.js';
import { freePort } from '../support/free-port.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** Inside the repository, where `holdfast` means this package. */
const scratch = join(root, '.tmp', 'docs-run');

const runnable = pagesOf(root).flatMap((page) =>
  blocksOf(readFileSync(join(root, page), 'utf8'))
    .filter((block) => block.run)
    .map(({ code }) => ({ page, file: 'app.ts', code })),
);

/** "In JavaScript the file is `app.mjs` ...: `this` for `that`, and `this` for `that`." */
function inJavaScript(page: string): { page: string; file: string; code: string } {
  const [, said = ''] = /^In JavaScript the file is `app\.mjs`, run by `node app\.mjs`, (.*)$/m.exec(page) ?? [];
  let code = blocksOf(page).find((block) => block.run)?.code ?? '';
  for (const [, now = '', before = ''] of said.matchAll(/`([^`]+)` for `([^`]+)`/g)) {
    expect(code).toContain(before);
    code = code.replaceAll(before, now);
  }
  return { page: 'README.md', file: 'app.mjs', code };
}

/** Asks until the server is up. Where it never comes up its process has ended, or the test's own limit does it. */
async function answers(client: Client, path: string, child: ChildProcess) {
  for (;;) {
    try {
      return await client.get(path);
    } catch (error) {
      if (child.exitCode !== null) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

describe('the code that pages say can be run', () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');

  test('is there: the README has its quick start', () => {
    expect(runnable.map(({ page }) => page)).toContain('README.md');
  });

  const all = [...runnable, inJavaScript(readme)];
  test.each(all)('of $page as $file counts views, signs in, guards and signs out', async ({ file, code: written }) => {
    mkdirSync(scratch, { recursive: true });
    const folder = mkdtempSync(join(scratch, 'quick-'));
    const port = await freePort();
    const code = written.replace('app.listen(3000)', `app.listen(${port}, '127.0.0.1')`);
    expect(code).not.toBe(written);
    writeFileSync(join(folder, file), code);
    const child = spawn(process.execPath, [...(file === 'app.ts' ? ['--import', 'tsx'] : []), file], {
      cwd: folder,
      env: { ...process.env, NODE_ENV: '', SESSION_SECRET: 'Vb7-quick-start-xK2mQ9zL4pW8nR3tY6u' },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const client = new Client(`http://127.0.0.1:${port}`);
    try {
      expect((await answers(client, '/', child)).text).toMatch(/^Views: 1 .*action="\/login"/);
      expect((await client.get('/')).text).toMatch(/^Views: 2 /);
      expect((await client.get('/account')).status).toBe(401);
      const before = client.cookie;
      expect((await client.post('/login')).headers.location).toBe('/account');
      expect(client.cookie).not.toBe(before);
      expect((await client.get('/account')).text).toMatch(/^Hello ada .*action="\/logout"/);
      expect((await client.get('/')).text).toMatch(/^Views: 3 /);
      expect((await client.post('/logout')).status).toBe(303);
      expect((await client.get('/account')).status).toBe(401);
    } finally {
      client.close();
      child.kill();
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
