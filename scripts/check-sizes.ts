/**
 * Keeps files small. Prevents: the one file where every change collides and which nobody reads to its end any more.
 * A longer file says why in its first comment: a line that begins with "Length:".
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fail, filesUnder, isMain, rootFromArguments } from './support.js';

const limit = 300;
/** A table of cases is long without being complicated. */
const testLimit = 500;

export function checkSizes(root: string): string[] {
  return ['src', 'scripts', 'test', 'demo', 'bench', 'examples'].flatMap((folder) =>
    filesUnder(root, folder, /\.[cm]?[jt]sx?$/).flatMap((file) => {
      const source = readFileSync(join(root, file), 'utf8');
      const lines = source.split('\n').length - 1;
      const allowed = /\.test\.ts$/.test(file) ? testLimit : limit;
      const head = /^\s*(?:#!.*\n)?\/\*[\s\S]*?\*\//.exec(source)?.[0] ?? '';
      if (lines <= allowed || /^[\s*/]*Length: \S/m.test(head)) return [];
      return `${file} has ${lines} lines (limit ${allowed}); split it, or give the reason in its head comment ("Length: ...")`;
    }),
  );
}

if (isMain(import.meta.url)) fail('sizes', checkSizes(rootFromArguments()));
