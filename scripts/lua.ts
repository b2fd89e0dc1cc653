/**
 * Puts the Lua of the Redis store where both builds can load it: each script of src/stores/redis/lua, with shared.lua
 * before it and without comments, into src/stores/redis/scripts.gen.ts. Prevents: a package that looks for .lua files
 * beside itself, which bundlers leave behind.
 *
 *   node --import tsx scripts/lua.ts           fails when the generated file is out of date
 *   node --import tsx scripts/lua.ts --write   writes it
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fail, filesUnder, isMain, rootFromArguments } from './support.js';

const folder = 'src/stores/redis/lua';
const target = 'src/stores/redis/scripts.gen.ts';
const shared = 'shared.lua';

/** Our Lua has no long strings and no `--` in a short one, which the check below relies on. */
function withoutComments(source: string): string {
  return source
    .split('\n')
    .map((line) => line.replace(/\s*--.*$/, '').trim())
    .filter((line) => line !== '')
    .join('\n');
}

const camelCase = (name: string): string => name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());

/** TypeScript as Biome formats it. */
export function compileScripts(root: string): string {
  const prelude = withoutComments(readFileSync(join(root, folder, shared), 'utf8'));
  const scripts = filesUnder(root, folder, /\.lua$/)
    .filter((file) => basename(file) !== shared)
    .map((file) => {
      const body = withoutComments(readFileSync(join(root, file), 'utf8'));
      return `  ${camelCase(basename(file, '.lua'))}: \`${body}\`,\n`;
    });
  return [
    '// Made by scripts/lua.ts from the .lua files in ./lua; change those.\n',
    `const shared = \`${prelude}\`;\n`,
    `const bodies = {\n${scripts.join('')}} as const;\n`,
    'export type ScriptName = keyof typeof bodies;\n',
    "export const sourceOf = (name: ScriptName): string => [shared, bodies[name]].join('\\n');\n",
    'export const scriptNames = Object.keys(bodies) as readonly ScriptName[];\n',
  ].join('\n');
}

export function checkScripts(root: string): string[] {
  const unsafe = filesUnder(root, folder, /\.lua$/).filter((file) =>
    /[`\\]|\$\{|\[\[/.test(readFileSync(join(root, file), 'utf8')),
  );
  const problems = unsafe.map(
    (file) => `${file} has a backtick, a backslash, \${ or [[, which would not survive the way into ${target}`,
  );
  if (readFileSync(join(root, target), 'utf8') !== compileScripts(root)) {
    problems.push(`${target} is not what ${folder} compiles to; run node --import tsx scripts/lua.ts --write`);
  }
  return problems;
}

if (isMain(import.meta.url)) {
  const root = rootFromArguments();
  if (process.argv.includes('--write')) writeFileSync(join(root, target), compileScripts(root));
  fail('lua', checkScripts(root));
}
