/** The main tables, from the raw samples of each case. */
import { goals } from '../cases.js';
import type { Configuration } from '../configurations/configuration.js';
import { short, table } from '../markdown.js';
import type { Outcome, Sample } from '../rounds.js';
import { comparedInRounds, medianOf } from '../statistics.js';

const columns = [
  'configuration',
  'of no session (min-max)',
  'µs over no session (min to max)',
  'requests/s',
  'p50 ms',
  'p99 ms',
  'store commands/request',
  'bytes to store',
  'from store',
  'RSS MB',
];

const baseOf = (one: Configuration): string => (one.sessionless ? one.name : (one.base ?? 'none'));

const ratioOf = ({ samples }: Outcome, name: string, base: string) =>
  comparedInRounds(
    samples,
    name,
    base,
    ({ perSecond }) => perSecond,
    (value, other) => value / other,
  );

const overOf = ({ samples }: Outcome, name: string, base: string) =>
  comparedInRounds(
    samples,
    name,
    base,
    ({ cpuUs }) => cpuUs,
    (value, other) => value - other,
  );

/** `get 1, expire 0.03`, by the medians over the rounds; what rounds to nothing is left out. */
export function commandsOf(samples: readonly Sample[]): string {
  if (samples.every(({ commands }) => commands === undefined)) return '-';
  const names = [...new Set(samples.flatMap(({ commands }) => Object.keys(commands ?? {})))];
  const medians = names.map((name) => [name, medianOf(samples.map(({ commands }) => commands?.[name] ?? 0))] as const);
  const worth = medians.filter(([, count]) => count >= 0.005).sort((a, b) => b[1] - a[1]);
  return worth.map(([name, count]) => `${name} ${Number(count.toFixed(2))}`).join(', ') || '0';
}

function caseTable(outcome: Outcome, configurations: readonly Configuration[]): string {
  const rows = configurations.flatMap((one) => {
    const samples = outcome.samples.filter(({ configuration }) => configuration === one.name);
    if (samples.length === 0) return [];
    const median = (by: (sample: Sample) => number) => medianOf(samples.map(by));
    const ratio = ratioOf(outcome, one.name, baseOf(one));
    const over = overOf(outcome, one.name, baseOf(one));
    const hasStore = samples.some(({ sent }) => sent > 0) || samples.some(({ commands }) => commands);
    return [
      [
        one.title,
        one.sessionless ? '1' : `${ratio.median.toFixed(2)} (${ratio.min.toFixed(2)}-${ratio.max.toFixed(2)})`,
        one.sessionless ? '-' : `${over.median.toFixed(0)} (${over.min.toFixed(0)} to ${over.max.toFixed(0)})`,
        median(({ perSecond }) => perSecond).toFixed(0),
        median(({ p50Ms }) => p50Ms).toFixed(1),
        median(({ p99Ms }) => p99Ms).toFixed(1),
        commandsOf(samples),
        hasStore ? short(median(({ sent }) => sent)) : '-',
        hasStore ? short(median(({ received }) => received)) : '-',
        median(({ rssMb }) => rssMb).toFixed(0),
      ],
    ];
  });
  return table([columns, ...rows]);
}

/** One line for each promise that this run can judge. */
export function goalLines(outcomes: readonly Outcome[]): string[] {
  const verdict = (met: boolean) => (met ? 'met' : 'MISSED');
  return goals.flatMap(({ configuration, case: name, ratio, overUs, times }) => {
    const outcome = outcomes.find(({ asked }) => asked.name === name);
    const measured = (one: string) => outcome?.samples.some((sample) => sample.configuration === one);
    if (!outcome || !measured(configuration)) return [];
    const lines: string[] = [];
    const start = `- ${configuration}, ${name}:`;
    if (ratio !== undefined) {
      const { median } = ratioOf(outcome, configuration, 'none');
      const stated = `at least ${ratio} of the requests per second without sessions`;
      lines.push(`${start} ${stated}: ${median.toFixed(2)}, ${verdict(median >= ratio)}`);
    }
    if (overUs !== undefined) {
      const { median } = overOf(outcome, configuration, 'none');
      lines.push(
        `${start} at most ${overUs} µs of CPU over no session: ${median.toFixed(0)}, ${verdict(median <= overUs)}`,
      );
    }
    if (times !== undefined && measured(times.configuration)) {
      const { median } = ratioOf(outcome, configuration, times.configuration);
      const stated = `at least ${times.ratio} x ${times.configuration}`;
      lines.push(`${start} ${stated}: ${median.toFixed(2)}, ${verdict(median >= times.ratio)}`);
    }
    return lines;
  });
}

export function summary(outcomes: readonly Outcome[], configurations: readonly Configuration[]): string {
  const tables = outcomes.map((outcome) => `#### ${outcome.asked.title}\n\n${caseTable(outcome, configurations)}\n`);
  const lines = goalLines(outcomes);
  const named = configurations.filter(({ name }) =>
    outcomes.some(({ samples }) => samples.some(({ configuration }) => configuration === name)),
  );
  const notes = named.flatMap(({ title, note }) => (note === undefined ? [] : [`- ${title}: ${note}.`]));
  return [
    ...tables,
    ...(notes.length > 0 ? [`${notes.join('\n')}\n`] : []),
    ...(lines.length > 0 ? [`Goals, by the medians:\n\n${lines.join('\n')}\n`] : []),
  ].join('\n');
}

/** The ratios of one case, for the picture. */
export function ratiosOf(
  outcome: Outcome,
  configurations: readonly Configuration[],
): { title: string; ratio: number; ours: boolean }[] {
  return configurations.flatMap((one) => {
    const { median } = ratioOf(outcome, one.name, baseOf(one));
    if (one.sessionless || Number.isNaN(median)) return [];
    return [{ title: one.title, ratio: median, ours: one.packages.includes('holdfast') }];
  });
}
