/** `npm run bench`: what a session costs. `npm run bench -- --help` says what there is. */
import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { node24 } from '../scripts/node24-binary.js';
import { aboutSeconds, busyLine, busyNow, machine } from './about.js';
import { configurations } from './configurations/index.js';
import { findGenerator } from './load.js';
import { allBut, type Part, type Settings } from './part.js';
import { parts } from './parts/index.js';
import { bench, prepare, versionOf } from './prepare.js';
import { keep, keptOf, writePage } from './results.js';

const help = `npm run bench -- [part ...] [options]

Parts (default: table)
${parts.map(({ name, title }) => `  ${name.padEnd(10)}${title}`).join('\n')}

Options
  --all             every part
  --rounds <n>      interleaved rounds
  --seconds <n>     of load for each row in a round
  --only <names>    these rows, by commas; no session is always among them
  --skip <names>    table: all rows but these
  --case <names>    read, write, anon, public, untouched; by commas
  --sessions <n>    of each row
  --rate <n>        tail: requests per second (default: half of what the app without sessions carries)
  --sizes <bytes>   growth: of a record, by commas (default 200,1000,10000,100000)
  --counts <n>      crowd: sessions in the store, by commas (default 100,1000,10000,100000,1000000)
  --stores <names>  crowd: memory, lmdb, redis, postgres, mongodb; by commas
  --quick           few and short rounds, to see that it works
  --write           keep the samples in bench/results/ and make bench/RESULTS.md anew
  --resume          leave out parts that bench/results/ has already
  --page            only make bench/RESULTS.md anew, from bench/results/
  --node24          on Node 24, which is fetched if it is not there; its results are kept beside the others

Rows
${configurations.map(({ name, title }) => `  ${name.padEnd(31)}${title}`).join('\n')}
`;

const args = process.argv.slice(2);

function count(name: string, value: string | undefined, most: number): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (Number.isInteger(number) && number >= 1 && number <= most) return number;
  throw new Error(`--${name}: expected a whole number from 1 to ${most}, got '${value}'.`);
}

/** Whole numbers by commas, each once, the least first. */
function counts(name: string, value: string | undefined, most: number): number[] | undefined {
  const numbers = value?.split(',').map((one) => count(name, one.trim(), most) ?? 1);
  return numbers && [...new Set(numbers)].sort((a, b) => a - b);
}

function duration(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const seconds = Number(value);
  if (seconds >= 0.2 && seconds <= 60) return seconds;
  throw new Error(`--seconds: expected a number from 0.2 to 60, got '${value}'.`);
}

/** The same once more, on Node 24. */
function onNode24(): void {
  const { status } = spawnSync(node24(), ['--import', 'tsx', ...process.argv.slice(1)], { stdio: 'inherit' });
  process.exitCode = status ?? 1;
}

async function main(): Promise<void> {
  const { values: given, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      all: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      only: { type: 'string' },
      skip: { type: 'string' },
      case: { type: 'string' },
      sessions: { type: 'string' },
      rate: { type: 'string' },
      sizes: { type: 'string' },
      counts: { type: 'string' },
      stores: { type: 'string' },
      quick: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      resume: { type: 'boolean', default: false },
      page: { type: 'boolean', default: false },
      node24: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (given.help) return console.log(help);
  if (given.node24 && !process.version.startsWith('v24.')) return onNode24();
  if (given.page) return writePage(bench, parts);
  const unknown = positionals.find((name) => !parts.some((part) => part.name === name));
  if (unknown !== undefined) throw new Error(`There is no part '${unknown}'.\n\n${help}`);
  const named = positionals.length > 0 ? positionals : ['table'];
  const wanted = parts.filter(({ name }) => given.all || named.includes(name));

  const settingsOf = ({ defaults }: Part): Settings => ({
    rounds: count('rounds', given.rounds, 100) ?? (given.quick ? 2 : defaults.rounds),
    seconds: duration(given.seconds) ?? (given.quick ? 1 : defaults.seconds),
    only: given.skip === undefined ? given.only : allBut(given.skip),
    case: given.case,
    sessions: count('sessions', given.sessions, 1_000_000) ?? (given.quick ? 500 : defaults.sessions),
    rate: count('rate', given.rate, 1_000_000),
    sizes: counts('sizes', given.sizes, 500_000),
    counts: counts('counts', given.counts, 2_000_000),
    stores: given.stores,
    quick: given.quick,
  });
  const isKept = (part: Part) => (keptOf(bench, part) ?? { unfinished: true }).unfinished !== true;
  const todo = wanted.filter((part) => !(given.resume && isKept(part)));
  const say = (line: string) => console.error(`${new Date().toISOString().slice(11, 19)} ${line}`);
  const guesses = todo.map((part) => part.estimate(settingsOf(part)));
  for (const [index, part] of todo.entries()) say(`${part.name}: ${aboutSeconds(guesses[index] ?? 0)}`);
  if (todo.length > 1) say(`in all ${aboutSeconds(guesses.reduce((sum, one) => sum + one, 0))}, on a quiet machine`);

  const serverFile = await prepare();
  const generator = findGenerator();
  say(`${machine()}; load by ${generator.name}`);
  for (const part of todo) {
    const settings = settingsOf(part);
    const busy = busyNow();
    say(`${part.name} begins. ${busyLine(busy)}`);
    const versions = part.packages(settings).map((name) => `${name} ${versionOf(name)}`);
    const about = {
      command: ['npm run bench', ...(args.length > 0 ? ['--', ...args] : [])].join(' '),
      date: new Date().toISOString(),
      machine: machine(),
      versions: [`Node ${process.versions.node}`, ...versions],
      busy,
      cores: cpus().length,
      rounds: settings.rounds,
      seconds: settings.seconds,
      sessions: settings.sessions,
      generator: generator.name,
    };
    const keepSo = (data: unknown, unfinished: boolean): void => {
      if (!given.write) return;
      keep(bench, part, { about, unfinished, data });
      writePage(bench, parts);
    };
    const data = await part.run(settings, { serverFile, generator, say, keep: (soFar) => keepSo(soFar, true) });
    keepSo(data, false);
    console.log(`\n### ${part.title}\n\n${part.markdown(data)}`);
    if (given.write) say(`${part.name}: written to bench/results/ and bench/RESULTS.md`);
  }
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
