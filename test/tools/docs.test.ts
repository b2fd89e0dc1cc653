import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { blocksOf } from '../../scripts/check-docs.js';
import { repository, run } from './broken.js';

/** Inside this repository, where `@types/node` is found as it is for the real pages. */
function page(markdown: string): string {
  mkdirSync(join(repository, '.tmp'), { recursive: true });
  const root = mkdtempSync(join(repository, '.tmp', 'docs-test-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  writeFileSync(join(root, 'README.md'), markdown);
  return root;
}

const block = (word: string, ...code: string[]): string => [`\`\`\`${word}`, ...code, '```', ''].join('\n');

describe('blocks', () => {
  test('are found with their line, language and marks', () => {
    const markdown = `# A\n\n${block('ts run', 'a')}${block('sh', 'no')}<!-- run -->\n${block('js', 'b')}${block('ts continues', 'c')}`;
    expect(blocksOf(markdown)).toEqual([
      { line: 4, language: 'ts', code: 'a', run: true, continues: false },
      { line: 11, language: 'js', code: 'b', run: true, continues: false },
      { line: 14, language: 'ts', code: 'c', run: false, continues: true },
    ]);
  });
});

describe('the check', () => {
  test('fails on code that does not compile, and names the line of the page', () => {
    const { code, said } = run('check-docs', page(`# A\n\n${block('ts', 'const a = 1;', 'const b: string = a;')}`));
    expect(code).toBe(1);
    expect(said).toContain('docs: README.md:5:7');
  });

  test('lets a block go on from the one before it, and keeps others apart', () => {
    const first = block('ts', 'const a: number = 1;');
    expect(run('check-docs', page(first + block('ts continues', 'console.log(a);'))).code).toBe(0);
    expect(run('check-docs', page(first + block('ts', 'console.log(a);'))).code).toBe(1);
  });

  test('reads JavaScript too', () => {
    expect(run('check-docs', page(block('js', 'Math.noSuch();'))).code).toBe(1);
    expect(run('check-docs', page(block('js', "const { join } = require('node:path');", "join('a');"))).code).toBe(0);
  });
});
