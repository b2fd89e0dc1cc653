import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { blocksOf } from '../../scripts/check-docs.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(join(root, 'docs/writing-a-store.md'), 'utf8');

test("the store of docs/writing-a-store.md passes the conformance kit, run by the page's own test under node:test", () => {
  const [store, kit] = blocksOf(page).map((block) => block.code);
  expect(kit).toContain('memoryStore()');
  mkdirSync(join(root, '.tmp'), { recursive: true });
  const folder = mkdtempSync(join(root, '.tmp', 'store-'));
  try {
    writeFileSync(join(folder, 'map-store.ts'), store ?? '');
    writeFileSync(
      join(folder, 'map-store.test.ts'),
      (kit ?? '')
        .replace("import { memoryStore } from 'holdfast'", "import { mapStore } from './map-store.js'")
        .replace('memoryStore()', 'mapStore()'),
    );
    const run = spawnSync(process.execPath, ['--import', 'tsx', '--test', '--test-reporter=tap', 'map-store.test.ts'], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect(run.stdout + run.stderr).toMatch(/^# fail 0$/m);
    expect(Number(/^# pass (\d+)$/m.exec(run.stdout)?.[1])).toBeGreaterThan(20);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
