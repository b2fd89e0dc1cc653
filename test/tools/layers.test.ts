import { describe, expect, test } from 'vitest';
import { checkLayers, importsOf } from '../../scripts/check-layers.js';
import { run, tree } from './broken.js';

const problems = (files: Record<string, string>): string[] => checkLayers(tree(files));

describe('an import is seen however it is written', () => {
  test.each([
    "import a from 'x';",
    "import { a } from 'x';",
    "import type { A } from 'x';",
    "import {\n  a,\n  type B,\n} from 'x';",
    "import * as a from 'x';",
    "import 'x';",
    "export * from 'x';",
    "export { a } from 'x';",
    "export type { A } from 'x';",
    "const a = await import('x');",
    "let a: import('x').A;",
    "const a = require('x');",
    "const url = 'http://a//b'; import a from 'y';\nimport a from 'x';",
  ])('%s', (source) => expect(importsOf(source)).toContain('x'));

  test('and one in a comment is not', () => {
    expect(importsOf("/**\n * import a from 'x';\nimport b from 'x';\n */\n// import('x')\n")).toEqual([]);
  });
});

describe('refused', () => {
  test.each([
    ['an arrow that points back', { 'src/core/a.ts': "import type { B } from '../http/b.js';" }],
    ['core reaching for the face', { 'src/core/a.ts': "export * from '../index.js';" }],
    ['a store reaching for express', { 'src/stores/a.ts': "import { b } from '../express/b.js';" }],
    ['a client in core', { 'src/core/a.ts': "import { open } from 'lmdb';" }],
    ["a client in another store's file", { 'src/stores/memory.ts': "const { open } = await import('lmdb');" }],
    ['a package that users would have to install', { 'src/http/a.ts': "import cookie from 'cookie';" }],
    ['a scoped one', { 'src/http/a.ts': "import a from '@scope/a/b';" }],
    ['a built-in without its prefix', { 'src/core/a.ts': "import { join } from 'path';" }],
    ['leaving src/', { 'src/core/a.ts': "import a from '../../test/support/needs.js';" }],
    ['import.meta', { 'src/core/a.ts': 'export const a = import.meta.url;' }],
    ['__dirname', { 'src/core/a.ts': 'export const a = __dirname;' }],
    ['a path only known at run time', { 'src/core/a.ts': 'export const a = (b: string) => import(b);' }],
    ['a folder without a place', { 'src/extras/a.ts': 'export const a = 1;' }],
  ])('%s', (_, files) => expect(problems(files)).toHaveLength(1));
});

describe('allowed', () => {
  test.each([
    ['an arrow that points in', { 'src/express/a.ts': "import { b } from '../core/b.js';" }],
    ['the face on top of all', { 'src/index.ts': "export * from './express/a.js';" }],
    ['node built-ins', { 'src/core/a.ts': "import { join } from 'node:path';" }],
    [
      'a client at home, as a file or a folder',
      { 'src/stores/lmdb.ts': "import 'lmdb';", 'src/stores/lmdb/a.ts': "import 'lmdb';" },
    ],
    [
      'a client and a later layer in a test',
      { 'src/core/a.test.ts': "import 'express';\nimport '../stores/memory.js';" },
    ],
  ])('%s', (_, files) => expect(problems(files)).toEqual([]));
});

test('the command fails, and names the file', () => {
  const { code, said } = run('check-layers', tree({ 'src/core/a.ts': "import 'lmdb';" }));
  expect(code).toBe(1);
  expect(said).toContain('src/core/a.ts imports lmdb');
});
