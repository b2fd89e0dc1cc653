/** Small trees with something wrong in them, and the tools run on them as `npm run check` runs them. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

export const repository = fileURLToPath(new URL('../..', import.meta.url));

export function tree(files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), 'holdfast-tools-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return root;
}

/** The exit code and everything said. */
export function run(script: string, root: string): { code: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', join(repository, 'scripts', `${script}.ts`), '--root', root],
    { cwd: repository, encoding: 'utf8' },
  );
  return { code: status, said: `${stdout}${stderr}` };
}
