/**
 * `npm run bench`: what a session costs, in one table for each case.
 *
 *   --rounds <n>      interleaved rounds (default 7)
 *   --seconds <n>     of load for each configuration in a round (default 3)
 *   --only <names>    these configurations, by commas; no session is always among them
 *   --case <names>    read, write, anon, public; by commas (default all)
 *   --quick           2 rounds of 1 s, to see that it works
 *   --write           keep the result in bench/RESULTS.md
 */
import { writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cases } from './cases.js';
import { configurations } from './configurations/index.js';
import { findGenerator } from './load.js';
import { bench, prepare, versionOf } from './prepare.js';
import { busyLine, machine, type Outcome, resultsPage, summary } from './report.js';
import { measureCase } from './rounds.js';

const args = process.argv.slice(2);
const { values: given } = parseArgs({
  args,
  options: {
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    only: { type: 'string' },
    case: { type: 'string' },
    quick: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});

function count(name: string, value: string, most: number): number {
  const number = Number(value);
  if (Number.isInteger(number) && number >= 1 && number <= most) return number;
  throw new Error(`--${name}: expected a whole number from 1 to ${most}, got '${value}'.`);
}

function chosen<Item extends { name: string }>(
  option: string,
  names: string | undefined,
  items: readonly Item[],
): Item[] {
  const wanted = names?.split(',').map((name) => name.trim()) ?? items.map(({ name }) => name);
  for (const name of wanted) {
    if (items.some((item) => item.name === name)) continue;
    throw new Error(`--${option}: there is no '${name}'. There are ${items.map((item) => item.name).join(', ')}.`);
  }
  return items.filter(({ name }) => wanted.includes(name));
}

try {
  const rounds = count('rounds', given.rounds ?? (given.quick ? '2' : '7'), 100);
  const seconds = count('seconds', given.seconds ?? (given.quick ? '1' : '3'), 60);
  const asked = chosen('case', given.case, cases);
  const only = given.only === undefined ? undefined : `none,${given.only}`;
  const measured = chosen('only', only, configurations);
  const [busy = 0] = loadavg();
  const serverFile = await prepare();
  const generator = findGenerator();
  const say = (line: string) => console.error(line);
  const versions = [
    `Node ${process.versions.node}`,
    ...[...new Set(['express', ...measured.flatMap(({ packages }) => packages)])].map(
      (name) => `${name} ${versionOf(name)}`,
    ),
  ];
  say(`${machine()}\n${versions.join(', ')}\nload by ${generator.name}\n${busyLine(busy)}`);

  const outcomes: Outcome[] = [];
  for (const one of asked) {
    const plan = { rounds, seconds, warmSeconds: given.quick ? 1 : 3, serverFile, generator, say };
    outcomes.push({ asked: one, rounds: await measureCase(one, measured, plan) });
  }
  console.log(`\n${summary(outcomes)}`);
  if (given.write) {
    const command = ['npm run bench', ...(args.length > 0 ? ['--', ...args] : [])].join(' ');
    const about = { command, generator: generator.name, rounds, seconds, versions, date: new Date(), busy };
    writeFileSync(join(bench, 'RESULTS.md'), resultsPage(outcomes, about));
    say('written to bench/RESULTS.md');
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
