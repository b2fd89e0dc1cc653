/** Growth over the size of a record: what a read, a write and an untouched session cost at 200 B, 1, 10 and 100 KB. */
import { reasonOf } from '../about.js';
import { type Case, cases, untouched } from '../cases.js';
import { configurations } from '../configurations/index.js';
import { short, table } from '../markdown.js';
import { chosen, chosenConfigurations, type Part, packagesOf, type Settings } from '../part.js';
import { closeAll, measure, readyFor, type Sample, type Standing, standAll } from '../rounds.js';
import { comparedInRounds, medianOf, withBase } from '../statistics.js';

interface SizedSample extends Sample {
  readonly case: string;
  readonly recordBytes: number;
}

interface GrowthData {
  readonly samples: readonly SizedSample[];
  /** Rows that broke off. */
  readonly failed: readonly string[];
}

const sizes = [200, 1_000, 10_000, 100_000];
const usual = [
  'express-session-connect-redis',
  'holdfast-memory',
  'holdfast-lmdb',
  'holdfast-redis',
  'holdfast-redis-uncached',
  'holdfast-postgres',
];
const every: readonly Case[] = [...cases, untouched];
const casesOf = ({ case: names }: Settings) => chosen('case', names ?? 'untouched,read,write', every);

const sizeName = (bytes: number) => (bytes < 1_000 ? `${bytes} B` : `${bytes / 1_000} KB`);

export const growthPart: Part<GrowthData> = {
  name: 'growth',
  title: 'Growth with the size of a record',
  defaults: { rounds: 3, seconds: 1, sessions: 200 },
  estimate(settings) {
    const rows = chosenConfigurations(settings.only, usual).length - 1;
    const runs = casesOf(settings).length * (settings.rounds + 1) * rows * (sizes.length + 1);
    return rows * (sizes.length * 1.5 + settings.sessions * 0.002) + runs * (settings.seconds + 0.2);
  },
  packages: ({ only }) => packagesOf(chosenConfigurations(only, usual)),
  async run(settings, { serverFile, generator, say }) {
    const { rounds, seconds, sessions, only } = settings;
    const plan = { serverFile, generator, say, sessions, seconds, warmSeconds: 1 };
    const [base, ...rows] = chosenConfigurations(only, usual);
    const samples: SizedSample[] = [];
    const failed: string[] = [];
    if (base === undefined) return { samples, failed };
    const bases = await standAll([base], plan);
    try {
      for (const one of rows) {
        const sized: { bytes: number; standing: Standing }[] = [];
        try {
          for (const bytes of sizes) {
            const [standing] = await standAll([one], { ...plan, say: () => {}, start: { recordBytes: bytes } });
            if (standing) sized.push({ bytes, standing });
          }
          for (const asked of casesOf(settings)) {
            const turns = sized.map((each) => ({ ...each, ready: readyFor(each.standing, asked, plan) }));
            const without = bases.map((standing) => ({ bytes: 0, standing, ready: readyFor(standing, asked, plan) }));
            for (const { ready } of [...without, ...turns]) await generator.run(ready.served.port, ready.prepared, 1);
            for (let round = 0; round < rounds; round++) {
              const [first] = without;
              for (const { bytes, ready } of first ? withBase(first, turns, round) : turns) {
                const sample = await measure(ready, asked, round, plan);
                // Each row's rounds have their own base; its name says whose.
                const configuration = bytes === 0 ? `none for ${one.name}` : one.name;
                samples.push({ ...sample, configuration, case: asked.name, recordBytes: bytes });
              }
            }
            say(`${one.name}, ${asked.name}: done`);
          }
        } catch (error) {
          say(`LEFT OUT from here on: ${one.name}: ${reasonOf(error)}`);
          failed.push(one.name);
        } finally {
          await closeAll(sized.map(({ standing }) => standing));
        }
      }
    } finally {
      await closeAll(bases);
    }
    return { samples, failed };
  },
  markdown: ({ samples, failed }) => {
    const tables = every.flatMap((asked) => {
      const those = samples.filter((sample) => sample.case === asked.name);
      const rows = configurations.flatMap((one) => {
        if (!those.some(({ configuration }) => configuration === one.name)) return [];
        const cells = sizes.map((bytes) => {
          const fitting = those.filter(({ recordBytes }) => recordBytes === bytes || recordBytes === 0);
          const base = `none for ${one.name}`;
          const ratio = comparedInRounds(
            fitting,
            one.name,
            base,
            ({ perSecond }) => perSecond,
            (a, b) => a / b,
          );
          const over = comparedInRounds(
            fitting,
            one.name,
            base,
            ({ cpuUs }) => cpuUs,
            (a, b) => a - b,
          );
          return `${ratio.median.toFixed(2)} (${over.median.toFixed(0)} µs)`;
        });
        const sent = sizes.map((bytes) =>
          short(
            medianOf(
              those.flatMap((each) =>
                each.configuration === one.name && each.recordBytes === bytes ? [each.sent + each.received] : [],
              ),
            ),
          ),
        );
        return [[one.title, ...cells, sent.some((bytes) => bytes !== '0.00') ? sent.join(' / ') : '-']];
      });
      if (rows.length === 0) return [];
      const head = ['configuration', ...sizes.map(sizeName), 'bytes to and from the store'];
      return [`#### ${asked.title}\n\n${table([head, ...rows])}\n`];
    });
    return `${tables.join('\n')}
Requests per second as a share of those of the app without sessions, and CPU time over it for each request, in the same rounds. The handler answers one field whatever the size.${failed.length > 0 ? ` Broke off: ${failed.join(', ')}.` : ''}
`;
  },
};
