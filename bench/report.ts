/** Tables for the terminal and for RESULTS.md, from the raw rounds. */
import { cpus, release, totalmem, type } from 'node:os';
import { type Case, goals } from './cases.js';
import type { Configuration } from './configurations/configuration.js';
import { connections } from './load.js';
import type { Rounds, Sample } from './rounds.js';
import { sessionCount } from './sessions.js';

export interface Outcome {
  readonly asked: Case;
  readonly rounds: Rounds;
}

export interface About {
  readonly command: string;
  readonly generator: string;
  readonly rounds: number;
  readonly seconds: number;
  readonly versions: readonly string[];
  readonly date: Date;
  /** Programs that wanted to run when the bench began, by the system's average over a minute. */
  readonly busy: number;
}

interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (index: number) => sorted[index] ?? Number.NaN;
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? at(middle) : (at(middle - 1) + at(middle)) / 2;
  return { median, min: at(0), max: at(sorted.length - 1) };
}

/** Of each round to the sessionless configuration in the same round. */
function compared(rounds: Rounds, one: Configuration, by: (sample: Sample, none: Sample) => number): Spread {
  const base = [...rounds].find(([configuration]) => configuration.sessionless)?.[1] ?? [];
  return spreadOf(
    (rounds.get(one) ?? []).flatMap((sample, round) => {
      const none = base[round];
      return none ? [by(sample, none)] : [];
    }),
  );
}

const ratioOf = (rounds: Rounds, one: Configuration) =>
  compared(rounds, one, (sample, none) => sample.perSecond / none.perSecond);

const overOf = (rounds: Rounds, one: Configuration) =>
  compared(rounds, one, (sample, none) => sample.cpuUs - none.cpuUs);

const columns = [
  'configuration',
  'requests/s',
  'of no session (min-max)',
  'CPU µs/request',
  'µs over no session (min-max)',
  'p50 ms',
  'p99 ms',
  'RSS MB',
  'not 2xx',
];

function caseTable({ rounds }: Outcome): string {
  const rows = [...rounds].map(([one, samples]) => {
    const median = (by: (sample: Sample) => number) => spreadOf(samples.map(by)).median;
    const ratio = ratioOf(rounds, one);
    const over = overOf(rounds, one);
    return [
      one.title,
      median((sample) => sample.perSecond).toFixed(0),
      `${ratio.median.toFixed(2)} (${ratio.min.toFixed(2)}-${ratio.max.toFixed(2)})`,
      median((sample) => sample.cpuUs).toFixed(0),
      one.sessionless ? '-' : `${over.median.toFixed(0)} (${over.min.toFixed(0)} to ${over.max.toFixed(0)})`,
      median((sample) => sample.p50Ms).toFixed(1),
      median((sample) => sample.p99Ms).toFixed(1),
      median((sample) => sample.rssMb).toFixed(0),
      String(samples.reduce((sum, sample) => sum + sample.non2xx, 0)),
    ];
  });
  return table([columns, ...rows]);
}

/** A Markdown table, padded so that it reads well in a terminal too. */
export function table(rows: readonly (readonly string[])[]): string {
  const [head = []] = rows;
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[], fill = ' ') =>
    `| ${widths.map((width, column) => (column === 0 ? (row[column] ?? '').padEnd(width, fill) : (row[column] ?? '').padStart(width, fill))).join(' | ')} |`;
  const rule = widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [line(head), line(rule), ...rows.slice(1).map((row) => line(row))].join('\n');
}

function goalLines(outcomes: readonly Outcome[]): string[] {
  return goals.flatMap(({ configuration, case: name, ratio, overUs }) => {
    const outcome = outcomes.find(({ asked }) => asked.name === name);
    const one = outcome && [...outcome.rounds.keys()].find((candidate) => candidate.name === configuration);
    if (!outcome || !one) return [];
    const lines: string[] = [];
    const verdict = (met: boolean) => (met ? 'met' : 'MISSED');
    if (ratio !== undefined) {
      const { median } = ratioOf(outcome.rounds, one);
      const stated = `at least ${ratio} of the requests per second without sessions`;
      lines.push(`- ${configuration}, ${name}: ${stated}: ${median.toFixed(2)}, ${verdict(median >= ratio)}`);
    }
    if (overUs !== undefined) {
      const { median } = overOf(outcome.rounds, one);
      const stated = `at most ${overUs} µs of CPU over no session`;
      lines.push(`- ${configuration}, ${name}: ${stated}: ${median.toFixed(0)}, ${verdict(median <= overUs)}`);
    }
    return lines;
  });
}

export function summary(outcomes: readonly Outcome[]): string {
  const tables = outcomes.map((outcome) => `### ${outcome.asked.title}\n\n${caseTable(outcome)}\n`);
  const lines = goalLines(outcomes);
  return [...tables, ...(lines.length > 0 ? [`Goals, by the medians:\n\n${lines.join('\n')}\n`] : [])].join('\n');
}

export function machine(): string {
  const [first] = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GB of memory`;
  return `${cpus().length} cores (${first?.model.trim() || 'unnamed'}), ${memory}, ${type()} ${release().split('-')[0]}`;
}

function rawTable({ asked, rounds }: Outcome): string {
  const rows = [...rounds].flatMap(([one, samples]) =>
    samples.map((sample, round) => [
      one.name,
      String(round + 1),
      sample.perSecond.toFixed(0),
      sample.cpuUs.toFixed(1),
      sample.p50Ms.toFixed(2),
      sample.p99Ms.toFixed(2),
      sample.rssMb.toFixed(0),
      String(sample.non2xx),
    ]),
  );
  const head = ['configuration', 'round', 'requests/s', 'CPU µs/request', 'p50 ms', 'p99 ms', 'RSS MB', 'not 2xx'];
  return `### ${asked.name}\n\n${table([head, ...rows])}\n`;
}

export function busyLine(busy: number): string {
  const load = `load average ${busy.toFixed(1)} before the run`;
  return busy > cpus().length / 4
    ? `The machine was BUSY with other work (${load}): the figures are rough`
    : `Quiet machine: ${load}`;
}

export function resultsPage(outcomes: readonly Outcome[], about: About): string {
  const day = about.date.toISOString().slice(0, 10);
  return `# What a session costs

Written by \`${about.command}\` on ${day}. Run it to get your own figures: those of another machine differ, the ratios less so.

- Machine: ${machine()}
- Versions: ${about.versions.join(', ')}
- ${busyLine(about.busy)}
- Load: ${about.generator}, ${connections} keep-alive connections on loopback, in a process of its own
- ${about.rounds} interleaved rounds of ${about.seconds} s for each configuration; the figures are medians

## Results

${summary(outcomes)}
## How it is measured

- The same small Express app for every row, in a server process of its own for each row and case.
- ${sessionCount.toLocaleString('en')} sessions of about 1 KB, begun through the app itself; requests name them by Zipf's law (exponent 1).
- "of no session" compares with the app without sessions *in the same round*; min and max are over the rounds.
- "CPU µs/request" is user and system time of the server process, all its threads, by the requests that it handled.
- Before a row is measured, its app must answer each session's own value, show a write in the next request, and have
  nothing for a stranger or a forged cookie. In each round every request must have found its session, and every answer
  must be 2xx. Otherwise the run ends without a result.
- Plain http on loopback, \`NODE_ENV=development\`. Stores with files keep them in the system's folder for temporary files.

## Raw rounds

${outcomes.map(rawTable).join('\n')}`;
}
