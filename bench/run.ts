/** `npm run bench`: what a session costs. `npm run bench -- --help` says what there is. */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
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
  --most <n>        crowd: sessions at the end (default 1000000)
  --quick           few and short rounds, to see that it works
  --write           keep the samples in bench/results/ and make bench/RESULTS.md anew
  --resume          leave out parts that bench/results/ has already
  --page            only make bench/RESULTS.md anew, from bench/results/

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
      most: { type: 'string' },
      quick: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      resume: { type: 'boolean', default: false },
      page: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (given.help) return console.log(help);
  if (given.page) return writePage(bench, parts);
  const unknown = positionals.find((name) => !parts.some((part) => part.name === name));
  if (unknown !== undefined) throw new Error(`There is no part '${unknown}'.\n\n${help}`);
  const named = positionals.length > 0 ? positionals : ['table'];
  const wanted = parts.filter(({ name }) => given.all || named.includes(name));

  const settingsOf = ({ defaults }: Part): Settings => ({
    rounds: count('rounds', given.rounds, 100) ?? (given.quick ? 2 : defaults.rounds),
    seconds: count('seconds', given.seconds, 60) ?? (given.quick ? 1 : defaults.seconds),
    only: given.skip === undefined ? given.only : allBut(given.skip),
    case: given.case,
    sessions: count('sessions', given.sessions, 1_000_000) ?? (given.quick ? 500 : defaults.sessions),
    rate: count('rate', given.rate, 1_000_000),
    most: count('most', given.most, 8_000_000),
    quick: given.quick,
  });
  const todo = wanted.filter((part) => !(given.resume && keptOf(bench, part)));
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
    const data = await part.run(settings, { serverFile, generator, say });
    console.log(`\n### ${part.title}\n\n${part.markdown(data)}`);
    if (!given.write) continue;
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
    keep(bench, part, { about, data });
    writePage(bench, parts);
    say(`${part.name}: written to bench/results/ and bench/RESULTS.md`);
  }
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
