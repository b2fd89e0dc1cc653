import { expect, test } from 'vitest';
import { exportsMap } from '../../scripts/check-exports.js';
import { run, tree } from './broken.js';

/** A tree with nothing wrong: every file that the map leads to. */
function whole(): Record<string, string> {
  const text = JSON.stringify(exportsMap());
  const built = [...text.matchAll(/"\.\/(dist\/[^"]+)"/g)].map((match) => match[1] ?? '');
  const sources = built
    .filter((file) => /^dist\/esm\/.*(?<!\.d)\.ts$|\.js$/.test(file))
    .map((file) => file.replace(/^dist\/\w+\/(.*)\.js$/, 'src/$1.ts'));
  return {
    ...Object.fromEntries([...built, ...sources].map((file) => [file, ''])),
    'package.json': JSON.stringify({
      main: './dist/cjs/index.js',
      types: './dist/cjs/index.d.ts',
      exports: exportsMap(),
    }),
  };
}

const said = (change: (files: Record<string, string>) => void): string => {
  const files = whole();
  change(files);
  const result = run('check-exports', tree(files));
  return `${result.code} ${result.said}`;
};

test('a whole package passes', () => expect(said(() => {})).toBe('0 exports: ok\n'));

test('a subpath whose declarations were not built fails', () => {
  const text = said((files) => delete files['dist/cjs/stores/memory.d.ts']);
  expect(text).toMatch(/^1 .*\.\/stores\/memory leads to \.\/dist\/cjs\/stores\/memory\.d\.ts, which is not built/);
});

test('an entry in package.json that the list does not have fails', () => {
  const text = said((files) => {
    files['package.json'] = JSON.stringify({
      main: './dist/cjs/index.js',
      exports: { ...exportsMap(), './more': './more.js' },
    });
  });
  expect(text).toContain('another entry for ./more');
});

test('a page that names a subpath which is not exported fails', () => {
  const text = said((files) => {
    files['README.md'] = "Use `holdfast/stores/memory`.\n\nimport { x } from 'holdfast/stores/nowhere';\n";
  });
  expect(text).toMatch(/^1 exports: README\.md names holdfast\/stores\/nowhere/);
  expect(text).not.toContain('stores/memory');
});
