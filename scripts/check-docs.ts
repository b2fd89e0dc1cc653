/**
 * Type-checks the code on our pages against the built package, as a reader's project would. Prevents: a first example
 * that does not compile because an option was renamed.
 *
 * Every ```ts and ```js block of the pages is checked on its own. ```ts continues goes on from the block before it.
 * ```ts run (or <!-- run --> on the line above) marks one that a test also runs.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fail, filesUnder, isMain, repository, rootFromArguments } from './support.js';

export interface Block {
  /** Where the code begins, counted from 1. */
  readonly line: number;
  readonly language: 'ts' | 'js';
  readonly code: string;
  readonly run: boolean;
  readonly continues: boolean;
}

const languages: Record<string, Block['language']> = { ts: 'ts', typescript: 'ts', js: 'js', javascript: 'js' };

export function blocksOf(markdown: string): Block[] {
  const lines = markdown.split('\n');
  const blocks: Block[] = [];
  for (let index = 0; index < lines.length; index++) {
    const fence = /^(\s*)(`{3,}|~{3,})\s*(\S*)\s*(.*)$/.exec(lines[index] ?? '');
    if (!fence) continue;
    const [, , mark = '', word = '', rest = ''] = fence;
    const start = index + 1;
    for (index = start; index < lines.length && !(lines[index] ?? '').trim().startsWith(mark); index++);
    const language = languages[word.toLowerCase()];
    if (!language) continue;
    blocks.push({
      line: start + 1,
      language,
      code: lines.slice(start, index).join('\n'),
      run: /\brun\b/.test(rest) || /<!--\s*run\s*-->/.test(lines[start - 2] ?? ''),
      continues: /\bcontinues\b/.test(rest),
    });
  }
  return blocks;
}

export const pagesOf = (root: string): string[] => [
  ...filesUnder(root, '.', /^[A-Z]+\.md$/).filter((page) => !page.includes('/')),
  ...filesUnder(root, 'docs', /\.md$/),
];

/** One file per block (or chain of blocks), whose lines have the numbers that they have on the page. */
function filesOf(page: string, blocks: readonly Block[]): { name: string; text: string }[] {
  const files: { name: string; text: string }[] = [];
  for (const block of blocks) {
    const last = files.at(-1);
    if (block.continues && last) {
      const padding = block.line - last.text.split('\n').length;
      last.text += `${'\n'.repeat(Math.max(padding, 0))}${block.code}`;
      continue;
    }
    const isCommonJs = block.language === 'js' && /\brequire\(/.test(block.code);
    const name = `${page.replaceAll('/', '__')}.${block.line}.${isCommonJs ? 'cjs' : block.language}`;
    files.push({ name, text: `${'\n'.repeat(block.line - 1)}${block.code}` });
  }
  // Without an import or export TypeScript takes a file for a script, and its names collide with other blocks'.
  return files.map(({ name, text }) => ({ name, text: name.endsWith('.cjs') ? text : `${text}\nexport {};\n` }));
}

export function checkDocs(root: string): string[] {
  const folder = join(root, '.tmp', 'docs');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const pages = pagesOf(root);
  const files = pages.flatMap((page) => filesOf(page, blocksOf(readFileSync(join(root, page), 'utf8'))));
  if (files.length === 0) return [];
  for (const { name, text } of files) writeFileSync(join(folder, name), text);
  const config = {
    extends: join(repository, 'tsconfig.json'),
    compilerOptions: {
      allowJs: true,
      checkJs: true,
      noUnusedLocals: false,
      noUnusedParameters: false,
      skipLibCheck: true,
    },
    include: ['*'],
    exclude: [],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const tsc = join(repository, 'node_modules', 'typescript', 'bin', 'tsc');
  const { status, stdout, stderr } = spawnSync(process.execPath, [tsc, '-p', folder, '--pretty', 'false'], {
    cwd: folder,
    encoding: 'utf8',
  });
  if (status === 0) return [];
  const readable = (line: string): string =>
    line.replace(
      /^(?:.*\/)?([^/\s]+?\.md)\.\d+\.\w+\((\d+),(\d+)\):/,
      (_, page: string, at: string, column: string) => `${page.replaceAll('__', '/')}:${at}:${column}`,
    );
  return `${stdout}${stderr}`.split('\n').filter(Boolean).map(readable);
}

if (isMain(import.meta.url)) fail('docs', checkDocs(rootFromArguments()));
