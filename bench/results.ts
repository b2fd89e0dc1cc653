/** bench/results/: one file for each part and line of Node, with all raw samples. RESULTS.md is made anew from whatever is there. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type About, busyLine } from './about.js';
import { chart } from './chart.js';
import { configurations } from './configurations/index.js';
import type { Part } from './part.js';
import { outcomesOf, type TableData } from './parts/table.js';
import { ratiosOf } from './parts/table-report.js';

export interface Kept {
  readonly about: About;
  /** The run broke off, or is under way. */
  readonly unfinished?: boolean;
  readonly data: unknown;
}

/** The line of Node whose results have no line in their file's name; those of others lie beside them. */
const usualNode = '20';
const nodes = [usualNode, '22', '24'];
const nodeNow = process.versions.node.split('.', 1)[0] ?? usualNode;

export const resultFile = (bench: string, name: string, node = nodeNow): string =>
  join(bench, 'results', `${name}${node === usualNode ? '' : `-node${node}`}.json`);

/** A line for each sample: a change of one figure is then a change of one line. */
export function lines(value: unknown, depth = 0): string {
  const flat = JSON.stringify(value, (_, one) => (typeof one === 'number' ? Number(one.toPrecision(6)) : one));
  if (flat.length <= 240 || typeof value !== 'object' || value === null) return flat;
  const pad = ' '.repeat(depth + 1);
  const inside = Array.isArray(value)
    ? value.map((one) => `${pad}${lines(one, depth + 1)}`)
    : Object.entries(value)
        .filter(([, one]) => one !== undefined)
        .map(([name, one]) => `${pad}${JSON.stringify(name)}: ${lines(one, depth + 1)}`);
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  return `${open}\n${inside.join(',\n')}\n${' '.repeat(depth)}${close}`;
}

export function keep(bench: string, part: Part, kept: Kept): void {
  mkdirSync(join(bench, 'results'), { recursive: true });
  writeFileSync(resultFile(bench, part.name), `${lines(kept)}\n`);
}

export function keptOf(bench: string, part: Part, node?: string): Kept | undefined {
  const file = resultFile(bench, part.name, node);
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}

/** The results page, and the picture beside it. */
export function writePage(bench: string, parts: readonly Part[]): void {
  const found = parts.flatMap((part) =>
    nodes.flatMap((node) => {
      const kept = keptOf(bench, part, node);
      return kept ? [{ part, node, ...kept }] : [];
    }),
  );
  writeFileSync(join(bench, 'RESULTS.md'), page(found));
  const main = found.find(({ part, node }) => part.name === 'table' && node === usualNode);
  if (main === undefined) return;
  const charts = outcomesOf(main.data as TableData).filter(({ asked }) => ['read', 'write'].includes(asked.name));
  for (const outcome of charts) {
    const title = `${outcome.asked.title}: share of the requests per second without sessions`;
    writeFileSync(join(bench, 'results', `${outcome.asked.name}.svg`), chart(title, ratiosOf(outcome, configurations)));
  }
}

export function page(found: readonly (Kept & { readonly part: Part; readonly node?: string })[]): string {
  const sections = found.map(
    ({
      part,
      node = usualNode,
      about,
      unfinished,
      data,
    }) => `## ${part.title}${node === usualNode ? '' : `, on Node ${node}`}
${unfinished ? '\n**This run broke off: here is what it had measured by then.**\n' : ''}
\`${about.command}\`, ${about.date.slice(0, 10)}. ${about.rounds} rounds of ${about.seconds} s, ${about.sessions} sessions a row; load by ${about.generator}. ${busyLine(about.busy, about.cores)}.
${about.versions.length > 0 ? `\n${about.versions.join(', ')}; ${about.machine}.\n` : `\n${about.machine}.\n`}${part.name === 'table' && node === usualNode ? '\n![Reads](results/read.svg)\n\n![Writes](results/write.svg)\n' : ''}
${part.markdown(data).trim()}
`,
  );
  return `# What a session costs

Written by \`npm run bench -- --write\`, part by part; [README.md](README.md) says how to run it and how to read it, and [results/](results) has every sample. Run it to get your own figures: those of another machine differ, the ratios less so.

${sections.join('\n')}`;
}
