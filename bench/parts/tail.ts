/** Tail latency: requests at a fixed rate, half of what the app without sessions carries, whatever the answers do. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Case, cases } from '../cases.js';
import { configurations } from '../configurations/index.js';
import { headers, resultLine } from '../load.js';
import { short, table } from '../markdown.js';
import { chosen, chosenConfigurations, type Part, packagesOf } from '../part.js';
import { closeAll, measure, readyFor, type Standing, standAll } from '../rounds.js';
import { zipfDraws } from '../sessions.js';
import { comparedInRounds, type Measurement, medianOf, withBase } from '../statistics.js';

interface TailSample extends Measurement {
  readonly case: string;
  readonly due: number;
  readonly answered: number;
  /** By the end of the schedule, and 100 ms. */
  readonly inTime: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

interface TailData {
  /** Rows that gave a wrong answer or none, and so have no sample of that round. */
  readonly failed: readonly string[];
  readonly rates: Readonly<Record<string, number>>;
  readonly samples: readonly TailSample[];
}

type Paced = Omit<TailSample, 'configuration' | 'round' | 'case'> & { readonly bad: number; readonly broken: number };

const usual = [
  'express-session-memory',
  'express-session-connect-redis',
  'holdfast-memory',
  'holdfast-lmdb',
  'holdfast-redis',
  'holdfast-redis-uncached',
  'holdfast-postgres',
];

const program = fileURLToPath(new URL('../paced.ts', import.meta.url));

async function paced({ served, cookies }: Standing, asked: Case, seconds: number, rate: number): Promise<Paced> {
  const file = join(served.folder, 'paced.json');
  const { method, path, known } = asked;
  const prepared = { method, path, headers, cookies: known ? cookies : [], draws: zipfDraws(cookies.length) };
  writeFileSync(file, JSON.stringify(prepared));
  const args = ['--import', 'tsx', program, String(served.port), file, String(seconds), String(rate)];
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: (seconds + 60) * 1_000,
  });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    printed += chunk;
  });
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  if (code !== 0) throw new Error(`${served.configuration.name}: the load ended with ${code}.`);
  return resultLine<Paced>(printed);
}

export const tailPart: Part<TailData> = {
  name: 'tail',
  title: 'Tail latency at a fixed rate',
  defaults: { rounds: 7, seconds: 2, sessions: 2_000 },
  estimate({ only, rounds, seconds, sessions, case: names }) {
    const rows = chosenConfigurations(only, usual).length;
    const asked = chosen('case', names ?? 'read', cases).length;
    return rows * (1.5 + sessions * 0.0003) + asked * (5 + (rows + 1) * rounds * (seconds + 0.9));
  },
  packages: ({ only }) => packagesOf(chosenConfigurations(only, usual)),
  async run({ only, rounds, seconds, sessions, rate: given, case: names }, { serverFile, generator, say, keep }) {
    const plan = { serverFile, generator, say, sessions, seconds: 1, warmSeconds: 1 };
    const standing = await standAll(chosenConfigurations(only, usual), plan);
    const [base, ...others] = standing;
    const samples: TailSample[] = [];
    const rates: Record<string, number> = {};
    const failed = new Set<string>();
    try {
      for (const asked of chosen('case', names ?? 'read', cases)) {
        for (const one of standing) await generator.run(one.served.port, readyFor(one, asked, plan).prepared, 1);
        if (base === undefined) break;
        const perSecond: number[] = [];
        for (let round = 0; given === undefined && round < 3; round++) {
          perSecond.push((await measure(readyFor(base, asked, plan), asked, round, plan)).perSecond);
        }
        const rate = given ?? Math.round(medianOf(perSecond) / 2);
        rates[asked.name] = rate;
        say(`${asked.name}: ${rate} requests per second`);
        for (let round = 0; round < rounds; round++) {
          const figures: string[] = [];
          for (const one of withBase(base, others, round)) {
            const { name } = one.served.configuration;
            const result = await paced(one, asked, seconds, rate);
            const { bad, broken, ...sample } = result;
            if (bad + broken > 0) {
              say(`LEFT OUT of this round: ${name}: ${bad} answers not 2xx, ${broken} connections broke off.`);
              failed.add(name);
              continue;
            }
            samples.push({ configuration: name, round, case: asked.name, ...sample });
            figures.push(`${name} ${sample.p99Ms.toFixed(1)}`);
          }
          say(`${asked.name}: round ${round + 1} of ${rounds}, p99 in ms: ${figures.join(', ')}`);
          keep({ rates, samples, failed: [...failed] } satisfies TailData);
        }
      }
    } finally {
      await closeAll(standing);
    }
    return { rates, samples, failed: [...failed] };
  },
  markdown: ({ rates, samples, failed }) => {
    const tables = Object.entries(rates).map(([name, rate]) => {
      const those = samples.filter((sample) => sample.case === name);
      const rows = configurations.flatMap((one) => {
        const own = those.filter(({ configuration }) => configuration === one.name);
        if (own.length === 0) return [];
        const median = (by: (sample: TailSample) => number) => short(medianOf(own.map(by)));
        const ratio = comparedInRounds(
          those,
          one.name,
          one.base ?? 'none',
          ({ p99Ms }) => p99Ms,
          (value, other) => value / other,
        );
        const share = medianOf(own.map(({ due, inTime }) => inTime / due));
        return [
          [
            one.title,
            one.sessionless ? '1' : `${short(ratio.median)} (${short(ratio.min)}-${short(ratio.max)})`,
            median(({ p50Ms }) => p50Ms),
            median(({ p99Ms }) => p99Ms),
            median(({ p999Ms }) => p999Ms),
            short(Math.max(...own.map(({ maxMs }) => maxMs))),
            share > 0.98 ? 'yes' : `no: ${(100 * share).toFixed(0)} % in time`,
          ],
        ];
      });
      const head = ['configuration', 'p99 of no session', 'p50 ms', 'p99 ms', 'p99.9 ms', 'worst ms', 'keeps up'];
      return `#### ${name}, ${rate} requests per second\n\n${table([head, ...rows])}\n`;
    });
    return `${tables.join('\n')}
The load does not wait for answers: each request has a moment at which it is due, and its latency counts from there. The rate is half of what the app without sessions carried in a closed loop just before. A row that can't carry the rate falls ever further behind: its figures then say how far it got behind in the time measured, and "keeps up" what share was answered by the end of the schedule and 100 ms.${failed.length > 0 ? ` Wrong answers or none in some round, which was left out: ${failed.join(', ')}.` : ''}
`;
  },
};
