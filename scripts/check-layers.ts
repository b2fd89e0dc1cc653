/**
 * Keeps the arrows between the folders of src/ one way, client packages inside the one folder that wraps them, and the
 * sources loadable as ESM and CJS. Prevents: `holdfast` failing to load because of a store's client that the user never
 * installed, and a cycle that leaves a binding undefined at load time.
 */
import { readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join, posix } from 'node:path';
import { fail, filesUnder, isMain, rootFromArguments } from './support.js';

/** From the inside out: a folder may import itself and what stands before it. Files directly in src/ stand on top. */
const layers = ['core', 'stores', 'http', 'express-session', 'express'];

/** Each package that src/ may import, and where: a folder, or a file without its ending. */
const clients: Record<string, string> = {
  lmdb: 'src/stores/lmdb',
  redis: 'src/stores/redis',
  ioredis: 'src/stores/redis',
  pg: 'src/stores/postgres',
  mongodb: 'src/stores/mongodb',
  express: 'src/express',
  bowser: 'src/devices',
  'express-session': 'src/express-session',
};

const isTest = (file: string): boolean => file.endsWith('.test.ts');

/** Blanks comments and keeps strings, so that neither an example in a comment nor a `//` in a string misleads. */
export const withoutComments = (source: string): string =>
  source.replace(
    /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\[\s\S]|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g,
    (_, text: string | undefined) => text ?? ' ',
  );

const forms = [
  // import ... from 'x', import type ... from 'x', export * from 'x', export { a } from 'x'
  /^[ \t]*(?:import|export)\b[^;'"`]*?\bfrom\s*['"]([^'"]+)['"]/gm,
  // import 'x'
  /^[ \t]*import\s*['"]([^'"]+)['"]/gm,
  // import('x'), also as a type; require('x')
  /\b(?:import|require)\s*\(\s*['"]([^'"]+)['"]/g,
];

export function importsOf(source: string): string[] {
  const code = withoutComments(source);
  return forms.flatMap((form) => [...code.matchAll(form)].flatMap((match) => match[1] ?? []));
}

function rank(file: string): number {
  const [, folder, ...deeper] = file.split('/');
  if (deeper.length === 0) return layers.length;
  return layers.indexOf(folder ?? '');
}

const packageOf = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

function problemWith(file: string, specifier: string): string | undefined {
  if (specifier.startsWith('.')) {
    const target = posix.join(posix.dirname(file), specifier);
    if (!target.startsWith('src/')) return isTest(file) ? undefined : `imports ${specifier}, which is outside src/`;
    if (isTest(file) || rank(target) <= rank(file)) return undefined;
    return `imports ${target}; ${layers.join(' <- ')} <- src/*.ts, and no arrow points back`;
  }
  if (specifier.startsWith('node:') || isTest(file)) return undefined;
  if (builtinModules.includes(specifier)) return `imports ${specifier}; write node:${specifier}`;
  const home = clients[packageOf(specifier)];
  if (home === undefined)
    return `imports ${specifier}; the package has no dependencies (see clients in check-layers.ts)`;
  if (file.startsWith(`${home}/`) || file === `${home}.ts`) return undefined;
  return `imports ${specifier}; only ${home} may, since users install it only for that`;
}

export function checkLayers(root: string): string[] {
  return filesUnder(root, 'src', /\.[cm]?tsx?$/).flatMap((file) => {
    const source = readFileSync(join(root, file), 'utf8');
    const problems = importsOf(source).flatMap((specifier) => problemWith(file, specifier) ?? []);
    if (rank(file) === -1) problems.push('is in a folder without a place in the order (see layers in check-layers.ts)');
    if (!isTest(file)) {
      const code = withoutComments(source);
      if (/\bimport\.meta\b/.test(code)) problems.push('uses import.meta, which the CJS build does not have');
      if (/\b__(?:dirname|filename)\b/.test(code))
        problems.push('uses __dirname or __filename, which ESM does not have');
      if (/\bimport\s*\(\s*[^'"\s)]/.test(code)) problems.push('imports a path that is only known at run time');
    }
    return problems.map((problem) => `${file} ${problem}`);
  });
}

if (isMain(import.meta.url)) fail('layers', checkLayers(rootFromArguments()));
