import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { filesUnder } from '../../scripts/support.js';
import { repository } from './broken.js';

test('every test file is in one project, and in one only', () => {
  const vitest = join(repository, 'node_modules', 'vitest', 'vitest.mjs');
  const { stdout } = spawnSync(process.execPath, [vitest, 'list', '--filesOnly', '--json'], {
    cwd: repository,
    encoding: 'utf8',
  });
  const listed: { file: string }[] = JSON.parse(stdout.slice(stdout.indexOf('[')));
  const files = filesUnder(repository, '.', /\.test\.[cm]?[jt]sx?$/).map((file) => join(repository, file));
  expect(listed.map(({ file }) => file).sort()).toEqual(files.sort());
});
