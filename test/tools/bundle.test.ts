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

test('more files than two fail, and what loads later is not counted', () => {
  const later = { 'dist/esm/later.js': "import './last.js';", 'dist/esm/last.js': 'console.log(1);' };
  const built = (...imports: string[]) =>
    run(
      'check-bundle',
      tree({
        'dist/esm/index.js': `${imports.map((file) => `import './${file}.js';`).join('')}import('./later.js');`,
        'dist/esm/a.js': 'console.log(2);',
        'dist/esm/b.js': 'console.log(3);',
        ...later,
      }),
    );
  expect(built('a')).toMatchObject({ code: 0, said: expect.stringContaining('in 2 files') });
  expect(built('a', 'b')).toMatchObject({ code: 1, said: expect.stringContaining('in 3 files') });
});

test('a package that was not built fails', () => expect(run('check-bundle', tree({})).code).toBe(1));
