/**
 * Puts the Lua of the Redis store into src/stores/redis/scripts.gen.ts: each script of src/stores/redis/lua, with what it
 * needs of shared.lua before it and without comments. All of shared.lua would cost each call some 5 µs of the server, which
 * makes every function anew for every call.
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

/** The definitions of shared.lua by name, in order: each begins a line of its own with `local`. */
function definitionsOf(shared: string): Map<string, string> {
  const parts = shared
    .split(/^(?=local )/m)
    .map((part) => [/^local (?:function )?(\w+)/.exec(part)?.[1], part] as const);
  return new Map(parts.flatMap(([name, part]) => (name === undefined ? [] : [[name, part]])));
}

/** The names of the definitions that a source needs, and what these need, in the order of shared.lua. */
function needsOf(source: string, definitions: ReadonlyMap<string, string>): string[] {
  const needed = new Set<string>();
  const look = (text: string): void => {
    for (const [word] of withoutComments(text).matchAll(/\w+/g)) {
      const definition = definitions.get(word);
      if (definition === undefined || needed.has(word)) continue;
      needed.add(word);
      look(definition);
    }
  };
  look(source);
  return [...definitions.keys()].filter((name) => needed.has(name));
}

const camelCase = (name: string): string => name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());

const lua: Embedding = {
  name: 'lua',
  folder: 'src/stores/redis/lua',
  files: /\.lua$/,
  target: 'src/stores/redis/scripts.gen.ts',
  refused: /\[\[/,
  compile(sources) {
    const definitions = definitionsOf(sources.get('shared') ?? '');
    const shared = [...definitions].map(([name, source]) => `  ${name}: \`${withoutComments(source)}\`,\n`);
    const scripts = [...sources]
      .filter(([name]) => name !== 'shared')
      .map(([name, source]) => {
        const needs = `'${needsOf(source, definitions).join(' ')}',`;
        const [line, wrapped] = [`    needs: ${needs}`, `    needs:\n      ${needs}`];
        const body = `    body: \`${withoutComments(source)}\`,`;
        return `  ${camelCase(name)}: {\n${line.length > 120 ? wrapped : line}\n${body}\n  },\n`;
      });
    return [
      '// Made by scripts/lua.ts from the .lua files in ./lua; change those.\n',
      `const shared: Readonly<Record<string, string>> = {\n${shared.join('')}};\n`,
      `const scripts = {\n${scripts.join('')}} as const;\n`,
      'export type ScriptName = keyof typeof scripts;\n',
      'export function sourceOf(name: ScriptName): string {',
      '  const { needs, body } = scripts[name];',
      "  return [...needs.split(' ').map((part) => shared[part]), body].join('\\n');",
      '}\n',
      'export const scriptNames = Object.keys(scripts) as readonly ScriptName[];\n',
    ].join('\n');
  },
};

export const checkScripts = (root: string): string[] => checkEmbedding(root, lua);

if (isMain(import.meta.url)) runEmbedding(lua);
