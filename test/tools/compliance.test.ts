import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tally, verdictOf } from '../../scripts/compliance.js';
import { filesUnder } from '../../scripts/support.js';
import { requirements } from '../compliance/requirements.js';
import { repository } from './broken.js';

/** The rows of the page's tables: id, in short, met by, how, shown in. */
const rows = readFileSync(join(repository, 'docs/compliance.md'), 'utf8')
  .split('\n')
  .filter((line) => /^\| (?:ASVS|NIST|WSTG)-/.test(line))
  .map((line) => line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '')));

test('docs/compliance.md and the suite have the same requirements, in the same words', () => {
  expect(rows.map(([id, what, by]) => ({ id, what, by }))).toEqual(
    requirements.map(({ id, what, by }) => ({ id, what, by })),
  );
});

test('the page names the files that show each requirement, and all of them', () => {
  const files = filesUnder(repository, 'test/compliance', /\.test\.ts$/);
  for (const [id = '', , , , shown = ''] of rows) {
    const showing = files.filter((file) =>
      [...readFileSync(join(repository, file), 'utf8').matchAll(/shows\(\s*'([^']+)'/g)].some(([, ids = '']) =>
        ids.split(' ').includes(id),
      ),
    );
    const names = showing.map((file) => `\`${file.replace(/^.*\/|\.test\.ts$/g, '')}\``);
    expect([id, shown], id).toEqual([id, names.join(', ') || '–']);
    expect(names.length > 0, id).toBe(requirements.find((one) => one.id === id)?.unshown === undefined);
  }
  for (const [, , , how = ''] of rows) {
    for (const [, path = ''] of how.matchAll(/`(test\/[^`]+)`/g))
      expect(existsSync(join(repository, path)), path).toBe(true);
  }
});

test('the tests know nothing of the library', () => {
  for (const file of filesUnder(repository, 'test/compliance', /\.ts$/)) {
    // The apps that are asked.
    if (/\/(?:broken-demo|office)\.ts$/.test(file)) continue;
    expect(readFileSync(join(repository, file), 'utf8'), file).not.toMatch(/from '(?:holdfast|[^']*\/(?:src|demo)\/)/);
  }
});

test('a demo whose gate is off and whose sign-out only clears the cookie fails, in just those places', () => {
  mkdirSync(join(repository, '.tmp'), { recursive: true });
  const output = join(repository, '.tmp', `compliance-broken-${process.pid}.json`);
  const vitest = join(repository, 'node_modules', 'vitest', 'vitest.mjs');
  const files = ['origins', 'endings'].map((name) => `test/compliance/${name}.test.ts`);
  const { status } = spawnSync(
    process.execPath,
    [vitest, 'run', '--project', 'compliance', '--reporter=json', `--outputFile=${output}`, ...files],
    { cwd: repository, env: { ...process.env, DEMO_SERVER: 'test/compliance/broken-demo.ts' }, encoding: 'utf8' },
  );
  const results = tally(JSON.parse(readFileSync(output, 'utf8')));
  rmSync(output);
  expect(status).toBe(1);
  const failing = requirements
    .filter((requirement) => verdictOf(requirement, results.get(requirement.id) ?? []) === 'FAIL')
    .map(({ id }) => id);
  expect(failing).toEqual(
    expect.arrayContaining(['ASVS-7.4.1', 'ASVS-3.5.1', 'ASVS-3.5.2', 'WSTG-SESS-05', 'WSTG-SESS-06']),
  );
  expect(failing).not.toContain('ASVS-7.4.3');
  expect(failing).not.toContain('ASVS-7.4.4');
}, 600_000);
