/**
 * Puts the Lua of the Redis store into src/stores/redis/scripts.gen.ts: each script of src/stores/redis/lua, with
 * shared.lua before it and without comments.
 *
 *   node --import tsx scripts/lua.ts           fails when the generated file is out of date
 *   node --import tsx scripts/lua.ts --write   writes it
 */
import { checkEmbedding, type Embedding, runEmbedding } from './embed.js';
import { isMain } from './support.js';

/** Our Lua has no long strings, which `refused` sees to, and no `--` in a short one. */
function withoutComments(source: string): string {
  return source
    .split('\n')
    .map((line) => line.replace(/\s*--.*$/, '').trim())
    .filter((line) => line !== '')
    .join('\n');
}

const camelCase = (name: string): string => name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());

const lua: Embedding = {
  name: 'lua',
  folder: 'src/stores/redis/lua',
  files: /\.lua$/,
  target: 'src/stores/redis/scripts.gen.ts',
  refused: /\[\[/,
  compile(sources) {
    const scripts = [...sources]
      .filter(([name]) => name !== 'shared')
      .map(([name, source]) => `  ${camelCase(name)}: \`${withoutComments(source)}\`,\n`);
    return [
      '// Made by scripts/lua.ts from the .lua files in ./lua; change those.\n',
      `const shared = \`${withoutComments(sources.get('shared') ?? '')}\`;\n`,
      `const bodies = {\n${scripts.join('')}} as const;\n`,
      'export type ScriptName = keyof typeof bodies;\n',
      "export const sourceOf = (name: ScriptName): string => [shared, bodies[name]].join('\\n');\n",
      'export const scriptNames = Object.keys(bodies) as readonly ScriptName[];\n',
    ].join('\n');
  },
};

export const checkScripts = (root: string): string[] => checkEmbedding(root, lua);

if (isMain(import.meta.url)) runEmbedding(lua);
