import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { blocksOf, pagesOf } from '../../scripts/check-docs.js';
import { Client } from '../support/client.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** Inside the repository, where `holdfast` means this package. */
const scratch = join(root, '.tmp', 'docs-run');

const runnable = pagesOf(root).flatMap((page) =>
  blocksOf(readFileSync(join(root, page), 'utf8'))
    .filter((block) => block.run)
    .map((block) => ({ page, block })),
);

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  return typeof address === 'object' && address ? address.port : 0;
}

async function answers(client: Client, path: string) {
  for (let tries = 0; ; tries++) {
    try {
      return await client.get(path);
    } catch (error) {
      if (tries > 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

describe('the code that pages say can be run', () => {
  test('is there: the README has its quick start', () => {
    expect(runnable.map(({ page }) => page)).toContain('README.md');
  });

  test.each(runnable)('of $page counts views, signs in, guards and signs out as the text says', async ({ block }) => {
    mkdirSync(scratch, { recursive: true });
    const folder = mkdtempSync(join(scratch, 'quick-'));
    const port = await freePort();
    const code = block.code.replace('app.listen(3000)', `app.listen(${port}, '127.0.0.1')`);
    expect(code).not.toBe(block.code);
    writeFileSync(join(folder, 'server.ts'), code);
    const child = spawn(process.execPath, ['--import', 'tsx', 'server.ts'], {
      cwd: folder,
      env: { ...process.env, NODE_ENV: '', SESSION_SECRET: 'Vb7-quick-start-xK2mQ9zL4pW8nR3tY6u' },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const client = new Client(`http://127.0.0.1:${port}`);
    try {
      expect((await answers(client, '/')).text).toBe('Views: 1');
      expect((await client.get('/')).text).toBe('Views: 2');
      expect((await client.get('/account')).status).toBe(401);
      const before = client.cookie;
      expect((await client.post('/login')).headers.location).toBe('/account');
      expect(client.cookie).not.toBe(before);
      expect((await client.get('/account')).text).toBe('Hello ada');
      expect((await client.get('/')).text).toBe('Views: 3');
      expect((await client.post('/logout')).status).toBe(303);
      expect((await client.get('/account')).status).toBe(401);
    } finally {
      client.close();
      child.kill();
      await once(child, 'exit');
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
