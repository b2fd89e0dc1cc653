import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { run, tree } from './broken.js';

test('more than the ceiling fails, and says how much', () => {
  const heavy = `console.log('${randomBytes(80_000).toString('hex')}');`;
  const { code, said } = run(
    'check-bundle',
    tree({ 'dist/esm/index.js': "import './heavy.js';", 'dist/esm/heavy.js': heavy }),
  );
  expect(code).toBe(1);
  expect(said).toMatch(/is 160\d\d\d bytes minified/);
});

test('a package that was not built fails', () => expect(run('check-bundle', tree({})).code).toBe(1));
