import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { checkWords } from '../../scripts/check-words.js';
import { run, tree } from './broken.js';

function repositoryWith(files: Record<string, string>): string {
  const root = tree(files);
  execFileSync('git', ['init', '-q', root]);
  return root;
}

// Split as in the check itself, which reads this file too.
test.each([
  `see /wo${'rk'}/main/src`,
  `"/ro${'ot'}/.config"`,
  `/ho${'me'}/someone/app`,
  `https://regis${'try'}.example.com/holdfast`,
  `written with Clau${'de'}`,
  `asked an LL${'M'}`,
  `this is A${'I'}-generated`,
])('%s is found', (text) => {
  expect(checkWords(repositoryWith({ 'README.md': `fine\n${text}\n` }))).toEqual([
    expect.stringContaining('README.md:2'),
  ]);
});

test.each([
  'https://example.com/work/',
  'import x from "../root/a.js"',
  'the registry of sessions',
  'SAIL',
  '/tmp/holdfast',
])('%s passes', (text) => expect(checkWords(repositoryWith({ 'README.md': text }))).toEqual([]));

test('what git ignores is not read; a file not yet added is', () => {
  const text = `/ro${'ot'}/x`;
  const root = repositoryWith({ '.gitignore': 'ignored.md\n', 'ignored.md': text, 'new.md': text });
  const { code, said } = run('check-words', root);
  expect(code).toBe(1);
  expect(said).toContain('new.md:1');
  expect(said).not.toContain('ignored.md');
});
