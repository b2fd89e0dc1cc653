/** A block of a page, as a server of its own on a free port. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { blocksOf } from '../../scripts/check-docs.js';
import { Client } from './client.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The code of the page's one block that has this text. */
export function blockOf(page: string, text: string): string {
  const blocks = blocksOf(readFileSync(join(root, page), 'utf8')).map(({ code }) => code);
  const [code, ...more] = blocks.filter((block) => block.includes(text));
  if (code === undefined || more.length > 0)
    throw new Error(`${page} has ${more.length + (code ? 1 : 0)} blocks with ${text}`);
  return code;
}

/** Writes the code inside the repository, where `holdfast` means this package, and runs it with tsx. */
export function runBlock(code: string, env: NodeJS.ProcessEnv = {}): ChildProcess {
  mkdirSync(join(root, '.tmp'), { recursive: true });
  const folder = mkdtempSync(join(root, '.tmp', 'guide-'));
  writeFileSync(join(folder, 'server.ts'), code);
  const child = spawn(process.execPath, ['--import', 'tsx', 'server.ts'], {
    cwd: folder,
    env: { ...process.env, NODE_ENV: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(async () => {
    child.kill();
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    rmSync(folder, { recursive: true, force: true });
  });
  return child;
}

/** Serves a block that ends in `app.listen(3000)`; the answer makes browsers for it. */
export async function serveBlock(code: string, env: NodeJS.ProcessEnv = {}): Promise<() => Client> {
  const listening = code.replace(
    'app.listen(3000);',
    "const up = app.listen(0, '127.0.0.1', () => console.log('port', (up.address() as { port: number }).port));",
  );
  if (listening === code) throw new Error('the block does not listen on 3000');
  const child = runBlock(listening, env);
  const port = await new Promise<number>((resolve, reject) => {
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (chunk: string) => {
        said += chunk;
        const [, found] = /^port (\d+)$/m.exec(said) ?? [];
        if (found !== undefined) resolve(Number(found));
      });
    }
    child.once('exit', () => reject(new Error(`the block's server ended: ${said}`)));
  });
  return () => {
    const client = new Client(`http://127.0.0.1:${port}`);
    onTestFinished(() => client.close());
    return client;
  };
}
