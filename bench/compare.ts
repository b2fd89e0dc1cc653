/** The second half of compare.sh: `compare.ts <built ref> <its name> [options]`. */
import { parseArgs } from 'node:util';
import { busyLine, busyNow, machine } from './about.js';
import { cases, untouched } from './cases.js';
import { findGenerator } from './load.js';
import { table } from './markdown.js';
import { bundleMicros, microTimes } from './micro-process.js';
import { chosen, chosenConfigurations } from './part.js';
import { prepare, repository } from './prepare.js';
import { measure, readyFor, stand } from './rounds.js';
import { medianOf, spreadOf } from './statistics.js';

const { values: given, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '2' },
    only: { type: 'string', default: 'holdfast-memory,holdfast-redis' },
    case: { type: 'string', default: 'read,write,anon' },
    'no-cases': { type: 'boolean', default: false },
  },
});
const [builtRef = '', ref = ''] = positionals;
const rounds = Number(given.rounds);

/** By variant and name, one value a round. */
type Values = Map<string, number[]>;

const variants = [
  { name: 'ref', built: builtRef, values: new Map() as Values },
  { name: 'tree', built: repository, values: new Map() as Values },
] as const;

const note = (values: Values, name: string, value: number): void =>
  void values.set(name, [...(values.get(name) ?? []), value]);

const say = (line: string) => console.error(line);

async function turns(what: string, turn: (variant: (typeof variants)[number]) => Promise<void>): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (const variant of round % 2 === 0 ? variants : [...variants].reverse()) await turn(variant);
    say(`${what}: round ${round + 1} of ${rounds}`);
  }
}

function report(unit: string, decimals: number): string {
  const [before, after] = variants.map(({ values }) => values);
  const rows = [...(after ?? new Map())].flatMap(([name, values]: [string, number[]]) => {
    const others = before?.get(name) ?? [];
    const ratio = spreadOf(values.map((value, round) => value / (others[round] ?? Number.NaN)));
    const cells = [medianOf(others), medianOf(values)].map((value) => value.toFixed(decimals));
    return [[name, ...cells, `${ratio.median.toFixed(3)} (${ratio.min.toFixed(3)}-${ratio.max.toFixed(3)})`]];
  });
  for (const { values } of variants) values.clear();
  return `${table([[unit, ref, 'working tree', 'tree / ref (min-max)'], ...rows])}\n`;
}

try {
  const serverFile = await prepare();
  await bundleMicros();
  say(`${machine()}; ${busyLine(busyNow())}`);
  await turns('parts', async ({ built, values }) => {
    for (const [name, ns] of Object.entries(await microTimes(built, 200))) note(values, name, ns);
  });
  console.log(report('CPU ns a call', 0));
  if (!given['no-cases']) {
    const asked = chosen('case', given.case, [...cases, untouched]);
    const generator = findGenerator();
    const seconds = Number(given.seconds);
    for (const one of chosenConfigurations(given.only).filter(({ sessionless }) => !sessionless)) {
      const rates = variants.map(() => new Map() as Values);
      await turns(one.name, async ({ built, values }) => {
        const plan = {
          serverFile,
          generator,
          say: () => {},
          sessions: 1_000,
          seconds,
          warmSeconds: 1,
          start: { built },
        };
        const standing = await stand(one, plan);
        try {
          for (const each of asked) {
            const ready = readyFor(standing, each, plan);
            await generator.run(ready.served.port, ready.prepared, 2);
            const sample = await measure(ready, each, 0, plan);
            note(values, `${one.name}, ${each.name}: CPU µs`, sample.cpuUs);
            note(
              rates[built === repository ? 1 : 0] ?? values,
              `${one.name}, ${each.name}: requests/s`,
              sample.perSecond,
            );
          }
        } finally {
          await standing.served.close();
        }
      });
      rates.forEach((those, index) => {
        for (const [name, values] of those) variants[index]?.values.set(name, values);
      });
      console.log(report('a request', 1));
    }
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
