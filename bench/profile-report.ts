/** Reads a V8 CPU profile: where the time of one request goes, by function, by file and by who asked for it. */
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { table } from './markdown.js';
import { sourceOf } from './sources.js';

interface ProfileNode {
  readonly id: number;
  readonly callFrame: {
    readonly functionName: string;
    readonly url: string;
    readonly lineNumber: number;
    readonly columnNumber: number;
  };
  readonly children?: readonly number[];
}

export interface Profile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** Not on behalf of any request. */
const idle = new Set(['(idle)', '(program)', '(root)']);

interface Frame {
  readonly group: string;
  /** Function, file and line. */
  readonly label: string;
  readonly file: string;
}

function frameOf({ callFrame }: ProfileNode, repository: string): Frame {
  const { functionName, url, lineNumber } = callFrame;
  const name = functionName || '(anonymous)';
  if (idle.has(name)) return { group: 'idle', label: name, file: name };
  if (name === '(garbage collector)') return { group: 'garbage collector', label: name, file: name };
  if (url === '') return { group: 'node core', label: `${name} (native)`, file: '(native)' };
  if (url.startsWith('node:')) return { group: 'node core', label: `${name} ${url}:${lineNumber + 1}`, file: url };
  const source = sourceOf(callFrame);
  if (source !== undefined)
    return { group: 'holdfast', label: `${name} ${source.file}:${source.line}`, file: source.file };
  const file = relative(repository, url.startsWith('file:') ? fileURLToPath(url) : url);
  const label = `${name} ${file}:${lineNumber + 1}`;
  if (file.startsWith('dist/')) return { group: 'holdfast', label, file };
  const inPackages = /^(?:bench\/)?node_modules\/(?!\.cache)((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1];
  if (inPackages === undefined) return { group: 'bench app', label, file };
  return { group: expressParts.has(inPackages) ? 'express' : inPackages, label, file };
}

/** What `npm install express` brings along and a request passes. */
const expressParts = new Set(
  'express router finalhandler send etag fresh vary parseurl encodeurl escape-html content-type content-disposition accepts type-is qs proxy-addr statuses mime-types on-finished ee-first safe-buffer body-parser'.split(
    ' ',
  ),
);

type Sums = Map<string, number>;
const add = (sums: Sums, key: string, amount: number): void => void sums.set(key, (sums.get(key) ?? 0) + amount);

/** Microseconds a request, by name. */
export interface Analysis {
  readonly requests: number;
  readonly groups: Sums;
  readonly files: Sums;
  readonly selfs: Sums;
  /** Frames of holdfast with all that they called. */
  readonly totals: Sums;
  /** Core and native frames by the holdfast frame nearest above: `[core label, holdfast label]` joined by `asked`. */
  readonly askedByHoldfast: Sums;
}

const asked = ' <- ';

export function analyse(profile: Profile, requests: number, repository: string): Analysis {
  const frames = new Map(profile.nodes.map((node) => [node.id, frameOf(node, repository)]));
  const parents = new Map(profile.nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node.id])));
  const spent = new Map<number, number>();
  profile.samples.forEach((id, index) => {
    spent.set(id, (spent.get(id) ?? 0) + (profile.timeDeltas[index] ?? 0) / requests);
  });

  const sums = {
    groups: new Map() as Sums,
    files: new Map() as Sums,
    selfs: new Map() as Sums,
    totals: new Map() as Sums,
    askedByHoldfast: new Map() as Sums,
  };
  for (const [id, us] of spent) {
    const frame = frames.get(id);
    if (!frame || frame.group === 'idle') continue;
    add(sums.groups, frame.group, us);
    add(sums.files, frame.file, us);
    add(sums.selfs, frame.label, us);
    let inCore = frame.group === 'node core';
    const seen = new Set<string>();
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const above = frames.get(at);
      if (above === undefined) break;
      if (inCore && above.group === 'holdfast') add(sums.askedByHoldfast, `${frame.label}${asked}${above.label}`, us);
      if (above.group !== 'node core') inCore = false;
      if (above.group !== 'holdfast' || seen.has(above.label)) continue;
      seen.add(above.label);
      add(sums.totals, above.label, us);
    }
  }
  return { requests, ...sums };
}

/** With what the same functions take in the app without sessions, where that was profiled too. */
export function profileReport({ requests, ...sums }: Analysis, without: Analysis | undefined, most: number): string {
  const sorted = (some: Sums) => [...some].sort((a, b) => b[1] - a[1]);
  const section = (title: string, some: Sums, base?: Sums, rows = most): string[] => {
    if (some.size === 0) return [];
    const over = new Map([...some].map(([label, us]) => [label, us - (base?.get(label) ?? 0)]));
    const lines = sorted(base ? over : some).slice(0, rows);
    const cells = lines.map(([label]) => {
      const us = some.get(label) ?? 0;
      return [label, us.toFixed(2), ...(base ? [(over.get(label) ?? 0).toFixed(2)] : [])];
    });
    return [`${title}\n\n${table([['', 'µs/request', ...(base ? ['over no session'] : [])], ...cells])}\n`];
  };
  const ours = (some: Sums, fits: RegExp): Sums => new Map([...some].filter(([label]) => fits.test(label)));
  // What Node does to answer any request is not holdfast's, only because holdfast makes the call.
  const anyway = (label: string) => (without?.selfs.get(label.split(asked, 1)[0] ?? '') ?? 0) > 0.2;
  const extra: Sums = new Map([...sums.askedByHoldfast].filter(([label]) => !anyway(label)));

  return [
    `${requests} requests under the profiler, which itself adds to every figure.\n`,
    ...section('Self time by group', sums.groups, without?.groups),
    ...section('Top self time, all functions', sums.selfs, without?.selfs),
    ...section('Top self time, holdfast', ours(sums.selfs, / (?:dist|src)\//)),
    ...section('holdfast by file, self time', ours(sums.files, /^(?:dist|src)\//)),
    ...section('Core and native time that holdfast asked for, self time', extra),
    ...section(
      'holdfast with all that it called (the rest of the app runs inside `next()`)',
      sums.totals,
      undefined,
      most * 2,
    ),
  ].join('\n');
}
