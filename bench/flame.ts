/**
 * A V8 CPU profile as a flame graph, small enough to be kept: `node --import tsx bench/flame.ts read.cpuprofile read.svg`.
 * Each bar is a function with all that it called, as wide as the time that it took; what took less than a half per cent is left out.
 * `npm run bench:profile -- --keep read.cpuprofile` makes a profile.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Profile } from './profile-report.js';
import { sourceOf } from './sources.js';

const [from = '', to = ''] = process.argv.slice(2);
const width = 1_200;
const rowHeight = 16;
const leastShare = 0.005;

interface Bar {
  readonly name: string;
  readonly kind: keyof typeof colours;
  us: number;
  readonly children: Map<string, Bar>;
}

const colours = { ours: '#e4572e', express: '#f3d9a4', node: '#c9d7e3', other: '#dddddd' } as const;

function barOf(callFrame: Profile['nodes'][number]['callFrame']): Bar {
  const { functionName, url } = callFrame;
  const name = functionName || '(anonymous)';
  const file =
    sourceOf(callFrame)?.file.slice('src/'.length) ??
    /(?:\/dist\/esm|node_modules)\/(.*)$/.exec(url)?.[1] ??
    url.replace(/^file:.*\//, '');
  const kind = url.includes('/dist/esm/')
    ? 'ours'
    : url.includes('node_modules')
      ? 'express'
      : url === '' || url.startsWith('node:')
        ? 'node'
        : 'other';
  return { name: file === '' ? name : `${name} ${file}`, kind, us: 0, children: new Map() };
}

/** Bars of the same name under the same bar are one. */
function treeOf({ nodes, samples, timeDeltas }: Profile): Bar {
  const self = new Map<number, number>();
  samples.forEach((id, index) => {
    self.set(id, (self.get(id) ?? 0) + (timeDeltas[index] ?? 0));
  });
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const merge = (id: number, into: Bar): number => {
    const node = byId.get(id);
    if (!node || /^\((?:idle|program)\)$/.test(node.callFrame.functionName)) return 0;
    const made = barOf(node.callFrame);
    const bar = into.children.get(made.name) ?? made;
    into.children.set(made.name, bar);
    let us = self.get(id) ?? 0;
    for (const child of node.children ?? []) us += merge(child, bar);
    bar.us += us;
    return us;
  };
  const root: Bar = { name: 'all', kind: 'other', us: 0, children: new Map() };
  const top = nodes.find(({ callFrame }) => callFrame.functionName === '(root)');
  for (const child of top?.children ?? []) root.us += merge(child, root);
  return root;
}

const escaped = (text: string): string => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

function draw(root: Bar): string {
  const shapes: string[] = [];
  let deepest = 0;
  const place = (bar: Bar, x: number, depth: number): void => {
    const wide = (bar.us / root.us) * width;
    deepest = Math.max(deepest, depth);
    const share = `${((bar.us / root.us) * 100).toFixed(1)} %`;
    const most = Math.floor((wide - 4) / 5.6);
    const label =
      most > 3
        ? `<text x="${(x + 2).toFixed(1)}" y="${depth * rowHeight + 12}">${escaped(bar.name.slice(0, most))}</text>`
        : '';
    shapes.push(
      `<g><title>${escaped(bar.name)}: ${share}</title><rect x="${x.toFixed(1)}" y="${depth * rowHeight}" width="${wide.toFixed(1)}" height="${rowHeight - 1}" fill="${colours[bar.kind]}"/>${label}</g>`,
    );
    let at = x;
    for (const child of [...bar.children.values()].sort((a, b) => b.us - a.us)) {
      if (child.us / root.us < leastShare) continue;
      place(child, at, depth + 1);
      at += (child.us / root.us) * width;
    }
  };
  place(root, 0, 0);
  const height = (deepest + 1) * rowHeight;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="monospace" font-size="9.5">\n<title>Where the CPU time of a request goes</title>\n<rect width="${width}" height="${height}" fill="#ffffff"/>\n${shapes.join('\n')}\n</svg>\n`;
}

writeFileSync(to, draw(treeOf(JSON.parse(readFileSync(from, 'utf8')))));
