/** The tables of growth.ts, from its samples. */
import type { Case } from '../cases.js';
import { configurations } from '../configurations/index.js';
import { short, table } from '../markdown.js';
import type { Sample } from '../rounds.js';
import { comparedInRounds, medianOf, type Spread } from '../statistics.js';

/** `recordBytes` 0: the app without sessions, in the rounds of the row that `configuration` names. */
export interface SizedSample extends Sample {
  readonly case: string;
  readonly recordBytes: number;
}

export interface GrowthData {
  readonly sizes: readonly number[];
  readonly samples: readonly SizedSample[];
  /** Rows that broke off, and why. */
  readonly failed: readonly string[];
}

const sizeName = (bytes: number) => (bytes < 1_000 ? `${bytes} B` : `${bytes / 1_000} KB`);

/** Of the server process and of the store's. */
const costOf = ({ cpuUs, storeUs = 0 }: Sample) => cpuUs + storeUs;

/** Of one row and case: the cost at a size by that at another one (0: no session), in the same rounds. */
function compared(samples: readonly SizedSample[], size: number, other: number, by: (a: number, b: number) => number) {
  const bySize = samples.map((sample) => ({ ...sample, configuration: String(sample.recordBytes) }));
  return comparedInRounds(bySize, String(size), String(other), costOf, by);
}

const over = (samples: readonly SizedSample[], size: number): Spread => compared(samples, size, 0, (a, b) => a - b);
const times = (samples: readonly SizedSample[], size: number, other: number): Spread =>
  compared(samples, size, other, (a, b) => a / b);

function cells(samples: readonly SizedSample[], sizes: readonly number[]): string[] {
  const [least = 0] = sizes;
  return sizes.map((size) => {
    const more = over(samples, size).median.toFixed(0);
    const { median, min, max } = times(samples, size, least);
    const range = size === least ? '' : `, ${median.toFixed(2)} (${min.toFixed(2)}-${max.toFixed(2)})`;
    return samples.some(({ recordBytes }) => recordBytes === size) ? `${more}${range}` : '-';
  });
}

function bytesMoved(samples: readonly SizedSample[], sizes: readonly number[]): string {
  const moved = sizes.map((size) => {
    const those = samples.filter(({ recordBytes }) => recordBytes === size);
    return those.length === 0 ? 0 : medianOf(those.map(({ sent, received }) => sent + received));
  });
  return moved.some((bytes) => bytes > 0) ? moved.map(short).join(' / ') : '-';
}

/** What was promised, of each row of ours and each case, between the two largest sizes or all of them. */
function verdict(name: string, asked: Case, samples: readonly SizedSample[], sizes: readonly number[]): string[] {
  const [least = 0, larger = 0, largest = 0] = [sizes[0], sizes.at(-2), sizes.at(-1)];
  if (samples.length === 0 || sizes.length < 2) return [];
  if (!asked.looks) {
    const { median } = times(samples, largest, least);
    const word = median <= 1.05 ? 'met' : 'MISSED';
    return [
      `- ${name}, ${asked.name}: a request costs the same at ${sizeName(largest)} as at ${sizeName(least)}: ${median.toFixed(2)} times, ${word}`,
    ];
  }
  const [small, large] = [over(samples, larger).median, over(samples, largest).median];
  const stated = `- ${name}, ${asked.name}: over no session, ${sizeName(largest)} costs at most ${largest / larger} times what ${sizeName(larger)} does`;
  if (small <= 0) return [`${stated}: ${large.toFixed(0)} and ${small.toFixed(0)} µs, can't be told`];
  return [`${stated}: ${(large / small).toFixed(1)}, ${large / small <= largest / larger ? 'met' : 'MISSED'}`];
}

export function growthReport({ sizes, samples, failed }: GrowthData, every: readonly Case[]): string {
  const verdicts: string[] = [];
  const tables = every.flatMap((asked) => {
    const rows = configurations.flatMap((one) => {
      const own = samples.filter(({ configuration, case: name }) => configuration === one.name && name === asked.name);
      if (own.length === 0) return [];
      if (one.packages.includes('holdfast')) verdicts.push(...verdict(one.name, asked, own, sizes));
      return [[one.title, ...cells(own, sizes), bytesMoved(own, sizes)]];
    });
    if (rows.length === 0) return [];
    const head = ['configuration', ...sizes.map(sizeName), 'bytes to and from the store'];
    return [`#### ${asked.title}\n\n${table([head, ...rows])}\n`];
  });
  return `${tables.join('\n')}
${verdicts.length > 0 ? `Goals, by the medians:\n\n${verdicts.join('\n')}\n` : ''}
CPU µs of a request over one to the app without sessions in the same rounds, of the server process and of the store's server (mongodb's apart); then all that the request cost by what it cost with the smallest record, in the same rounds: median (min-max). The handler answers one field whatever the size.${failed.length > 0 ? ` Broke off: ${failed.join('; ')}.` : ''}
`;
}
