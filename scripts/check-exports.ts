/**
 * The package's subpaths, from one list: package.json, the built files and the pages name the same ones. Prevents: an
 * `ERR_PACKAGE_PATH_NOT_EXPORTED` in a user's app, and declarations of the wrong format under one of the conditions.
 *
 *   node --import tsx scripts/check-exports.ts           fails when they disagree (build first)
 *   node --import tsx scripts/check-exports.ts --write   writes `exports` into package.json
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { fail, filesUnder, isMain, readJson, rootFromArguments } from './support.js';

/** Where each subpath starts: a file of src/ without its ending. */
export const subpaths: Record<string, string> = {
  '.': 'index',
  './types': 'types',
  './devices': 'devices',
  './audit': 'audit',
  './express-session': 'express-session/index',
  './stores/memory': 'stores/memory',
  './stores/lmdb': 'stores/lmdb',
  './stores/redis': 'stores/redis',
  './stores/postgres': 'stores/postgres',
  './stores/migrating': 'stores/migrating',
  './stores/mongodb': 'stores/mongodb',
  './stores/conformance': 'stores/conformance/index',
};

interface Manifest {
  exports?: Record<string, unknown>;
  main?: string;
  types?: string;
}

const target = (format: 'esm' | 'cjs', entry: string) => ({
  types: `./dist/${format}/${entry}.d.ts`,
  default: `./dist/${format}/${entry}.js`,
});

export function exportsMap(): Record<string, unknown> {
  const entries = Object.entries(subpaths).map(([subpath, entry]) => [
    subpath,
    { import: target('esm', entry), require: target('cjs', entry) },
  ]);
  return { ...Object.fromEntries(entries), './package.json': './package.json' };
}

/** Every `holdfast/...` that a page names as something to import. */
function documented(root: string): { page: string; subpath: string }[] {
  const pages = [
    ...filesUnder(root, '.', /^[A-Z]+\.md$/).filter((page) => !page.includes('/')),
    ...filesUnder(root, 'docs', /\.md$/),
  ];
  return pages.flatMap((page) =>
    [...readFileSync(join(root, page), 'utf8').matchAll(/['"`]holdfast(\/[\w./-]+)['"`]/g)].map((match) => ({
      page,
      subpath: `.${match[1]}`,
    })),
  );
}

export function checkExports(root: string): string[] {
  const manifest: Manifest = readJson(join(root, 'package.json'));
  const declared = manifest.exports ?? {};
  const problems: string[] = [];
  const wanted = exportsMap();
  for (const subpath of new Set([...Object.keys(wanted), ...Object.keys(declared)])) {
    if (isDeepStrictEqual(wanted[subpath], declared[subpath])) continue;
    problems.push(
      `package.json has another entry for ${subpath} than scripts/check-exports.ts; npm run exports writes it`,
    );
  }
  for (const [subpath, entry] of Object.entries(subpaths)) {
    if (!existsSync(join(root, 'src', `${entry}.ts`)))
      problems.push(`${subpath} starts at src/${entry}.ts, which is not there`);
    for (const file of [target('esm', entry), target('cjs', entry)].flatMap((files) => Object.values(files))) {
      if (!existsSync(join(root, file))) problems.push(`${subpath} leads to ${file}, which is not built`);
    }
  }
  for (const file of [manifest.main, manifest.types]) {
    if (file === undefined || !existsSync(join(root, file)))
      problems.push(`main and types lead to ${file}, which is not built`);
  }
  for (const { page, subpath } of documented(root)) {
    if (!(subpath in subpaths)) problems.push(`${page} names holdfast${subpath.slice(1)}, which is not exported`);
  }
  return problems;
}

if (isMain(import.meta.url)) {
  const root = rootFromArguments();
  if (process.argv.includes('--write')) {
    const path = join(root, 'package.json');
    writeFileSync(path, `${JSON.stringify({ ...readJson<Manifest>(path), exports: exportsMap() }, null, 2)}\n`);
  }
  fail('exports', checkExports(root));
}
