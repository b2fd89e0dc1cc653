/** Growth over the size of a record: what a read, a write and an untouched session cost at 200 B, 1, 10 and 100 KB. */
import { reasonOf } from '../about.js';
import { type Case, cases, untouched } from '../cases.js';
import type { Configuration } from '../configurations/configuration.js';
import { chosen, chosenConfigurations, type Part, packagesOf, type Settings, type Tools } from '../part.js';
import { closeAll, measure, type Ready, readyFor, type Standing, stand } from '../rounds.js';
import { orderOf } from '../statistics.js';
import { type GrowthData, growthReport, type SizedSample } from './growth-report.js';

const usualSizes = [200, 1_000, 10_000, 100_000];
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

/** Starting and ending the load, and asking the server for its figures. */
const perRunSeconds = 0.22;

interface Sized {
  readonly bytes: number;
  readonly standing: Standing;
}

/** Two at a time. Whatever stands when one fails is ended. */
async function standSizes(
  one: Configuration,
  sizes: readonly number[],
  plan: Omit<Parameters<typeof stand>[1], 'start'>,
) {
  const sized: Sized[] = [];
  const waiting = [...sizes];
  const worker = async () => {
    for (let bytes = waiting.shift(); bytes !== undefined; bytes = waiting.shift()) {
      sized.push({ bytes, standing: await stand(one, { ...plan, start: { recordBytes: bytes } }) });
    }
  };
  const failure = (await Promise.allSettled([worker(), worker()])).find(({ status }) => status === 'rejected');
  if (failure?.status === 'rejected') {
    await closeAll(sized.map(({ standing }) => standing));
    throw failure.reason;
  }
  return sized.sort((a, b) => a.bytes - b.bytes);
}

export const growthPart: Part<GrowthData> = {
  name: 'growth',
  title: 'Growth with the size of a record',
  defaults: { rounds: 7, seconds: 0.25, sessions: 100 },
  estimate(settings) {
    const rows = chosenConfigurations(settings.only, usual).length - 1;
    const sizes = settings.sizes?.length ?? usualSizes.length;
    const inARow = casesOf(settings).length * (settings.rounds + 1) * (sizes + 1);
    return rows * (sizes * (1 + settings.sessions * 0.002) + inARow * (settings.seconds + perRunSeconds));
  },
  packages: ({ only }) => packagesOf(chosenConfigurations(only, usual)),
  async run(settings, tools) {
    const { seconds, sessions, only, sizes = usualSizes } = settings;
    const plan = { ...tools, sessions, seconds, warmSeconds: seconds };
    const [base, ...rows] = chosenConfigurations(only, usual);
    const samples: SizedSample[] = [];
    const failed: string[] = [];
    const data: GrowthData = { sizes, samples, failed };
    if (base === undefined) return data;
    const bare: Sized = { bytes: 0, standing: await stand(base, plan) };
    try {
      for (const one of rows) {
        let sized: Sized[] = [];
        try {
          sized = await standSizes(one, sizes, plan);
          for (const asked of casesOf(settings)) {
            samples.push(...(await measureSizes(one, asked, bare, sized, settings, tools)));
            tools.keep(data);
          }
        } catch (error) {
          tools.say(`LEFT OUT from here on: ${one.name}: ${reasonOf(error)}`);
          failed.push(`${one.name}: ${reasonOf(error)}`);
        } finally {
          await closeAll(sized.map(({ standing }) => standing));
        }
      }
    } finally {
      await closeAll([bare.standing]);
    }
    return data;
  },
  markdown: (data) => growthReport(data, every),
};

/** In each round every size once, and the app without sessions. */
async function measureSizes(
  one: Configuration,
  asked: Case,
  bare: Sized,
  sized: readonly Sized[],
  { rounds, seconds }: Settings,
  { generator, serverFile, say }: Tools,
): Promise<SizedSample[]> {
  const plan = { generator, serverFile, say, seconds, warmSeconds: seconds };
  const readied = ({ bytes, standing }: Sized) => ({ bytes, ready: readyFor(standing, asked, plan) });
  const [base, ...turns] = [readied(bare), ...sized.map(readied)] as [{ bytes: number; ready: Ready }];
  const samples: SizedSample[] = [];
  for (const { ready } of [base, ...turns]) await generator.run(ready.served.port, ready.prepared, seconds);
  for (let round = 0; round < rounds; round++) {
    for (const { bytes, ready } of orderOf([base, ...turns], round)) {
      const sample = await measure(ready, asked, round, plan);
      samples.push({ ...sample, configuration: one.name, case: asked.name, recordBytes: bytes });
    }
  }
  say(`${one.name}, ${asked.name}: ${rounds} rounds`);
  return samples;
}
