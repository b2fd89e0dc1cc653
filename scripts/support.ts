/** What the checks share: where they look, how they speak, how they fail. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

export const repository = fileURLToPath(new URL('..', import.meta.url));

/** The tree to check: `--root <folder>`, by default this repository. The checks' own tests point them at broken trees. */
export function rootFromArguments(): string {
  const at = process.argv.indexOf('--root');
  return at === -1 ? repository : resolve(process.argv[at + 1] ?? '.');
}

export const isMain = (url: string): boolean => process.argv[1] === fileURLToPath(url);

/** Parsed JSON as the caller says it is; these are our own files, and a wrong shape fails the check loudly. */
export const readJson = <T>(path: string): T => JSON.parse(readFileSync(path, 'utf8'));

const skipped = new Set(['node_modules', '.git', 'dist', '.tmp', 'coverage', '.data']);

/** All files under `folder` whose name fits, as paths relative to `root` with forward slashes, sorted. */
export function filesUnder(root: string, folder: string, fits: RegExp): string[] {
  const found: string[] = [];
  const walk = (path: string): void => {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      const full = join(path, entry.name);
      if (entry.isDirectory()) {
        if (!skipped.has(entry.name)) walk(full);
      } else if (fits.test(entry.name)) {
        found.push(relative(root, full).split(sep).join('/'));
      }
    }
  };
  try {
    walk(join(root, folder));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
  return found.sort();
}

/** Says what is wrong, a line each, and sets the exit code; says one line when nothing is. */
export function fail(check: string, problems: readonly string[], otherwise = 'ok'): void {
  for (const problem of problems) console.error(`${check}: ${problem}`);
  if (problems.length > 0) process.exitCode = 1;
  else console.log(`${check}: ${otherwise}`);
}
