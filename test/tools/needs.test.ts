import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isDebian } from '../../scripts/services.js';
import { isCI, needs, whyMissing } from '../support/needs.js';
import { findProgram } from '../support/programs.js';
import { closing, count } from '../support/reporter.js';
import { repository, tree } from './broken.js';

test('with CI set, a missing program is an error and not a skip', () => {
  const variable = { CI: 'true', CHROMIUM_PATH: process.execPath };
  expect(needs('chromium', variable)).toBe(process.execPath);
  expect([isCI({ CI: 'true' }), isCI({ CI: '1' }), isCI({}), isCI({ CI: '' }), isCI({ CI: 'false' })]).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
});

test('a variable that names no program is an error, not a missing program', () => {
  expect(() => findProgram('chromium', { CHROMIUM_PATH: '/no/such/file' })).toThrow('CHROMIUM_PATH is /no/such/file');
});

test('what was not run is named, with what to do about it', () => {
  const text = closing({ passed: 3, failed: 0, skipped: 2 }, [whyMissing('chromium')]);
  expect(text).toContain('NOT RUN');
  expect(text).toContain('npm run services');
  expect(text.split('\n').at(-1)).toBe('3 passed, 0 failed, 2 skipped');
});

test('a file that could not be loaded counts as a failure', () => {
  const test = (state: 'passed' | 'failed' | 'skipped' | 'pending') => ({ result: () => ({ state }) });
  const module = (states: Parameters<typeof test>[0][], errors: number) => ({
    children: { allTests: () => states.map(test) },
    errors: () => Array.from({ length: errors }),
  });
  const modules = [module(['passed', 'failed', 'pending'], 0), module([], 1)];
  expect(count(modules as unknown as Parameters<typeof count>[0], 1)).toEqual({ passed: 1, failed: 3, skipped: 1 });
});

test('only Debian itself is installed on', () => {
  expect(isDebian('NAME="Debian GNU/Linux"\nID=debian\n')).toBe(true);
  expect(isDebian('ID=ubuntu\nID_LIKE=debian\n')).toBe(false);
});

/** A whole run on a machine without Chromium: what is on the screen and in the exit code is what counts. */
test.each([
  [
    'without CI it skips, passes, and says so',
    '',
    0,
    /NOT RUN[\s\S]*chromium was not found[\s\S]*1 passed, 0 failed, 1 skipped\n$/,
  ],
  ['with CI it fails', 'true', 1, /With CI set, tests are not skipped/],
])('%s', (_, CI, code, expected) => {
  const support = JSON.stringify(join(repository, 'test', 'support'));
  const root = tree({
    'a.test.ts': `import { describe, expect, test } from 'vitest';
      import { needs } from ${support.slice(0, -1)}/needs.ts";
      import { programs } from ${support.slice(0, -1)}/programs.ts";
      Object.assign(programs.chromium, { names: ['no-such-browser'] });
      const chromium = needs('chromium');
      test('always', () => expect(1).toBe(1));
      describe.runIf(chromium)('in a browser', () => { test('not here', () => expect(1).toBe(2)); });`,
    'package.json': '{ "type": "module" }',
    'vitest.config.ts': `import { ClosingReporter } from ${support.slice(0, -1)}/reporter.ts";
      export default { test: { include: ['*.test.ts'], reporters: ['default', new ClosingReporter()] } };`,
  });
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(repository, 'node_modules', 'vitest', 'vitest.mjs'), 'run', '--root', root],
    {
      cwd: repository,
      env: { ...process.env, CI, CHROMIUM_PATH: '' },
      encoding: 'utf8',
    },
  );
  expect(CI ? `${stdout}${stderr}` : stdout).toMatch(expected);
  expect(status).toBe(code);
});
