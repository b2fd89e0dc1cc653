/** What the parts of a request cost, one by one. */
import { short, table } from '../markdown.js';
import { bundleMicros, microTimes } from '../micro-process.js';
import type { Part } from '../part.js';
import { repository } from '../prepare.js';
import { spreadOf } from '../statistics.js';

interface MicroData {
  /** Nanoseconds by name, for each fresh process. */
  readonly rounds: readonly Readonly<Record<string, number>>[];
}

const msEach = 200;

export const microPart: Part<MicroData> = {
  name: 'micro',
  title: 'The parts of a request',
  defaults: { rounds: 3, seconds: 1, sessions: 1 },
  estimate: ({ rounds }) => rounds * 11 * msEach * 0.0016,
  packages: () => ['tinybench'],
  async run({ rounds }, { say }) {
    await bundleMicros();
    const measured: Record<string, number>[] = [];
    for (let round = 0; round < rounds; round++) {
      measured.push(await microTimes(repository, msEach));
      say(`round ${round + 1} of ${rounds}`);
    }
    return { rounds: measured };
  },
  markdown: ({ rounds }) => {
    const names = [...new Set(rounds.flatMap((round) => Object.keys(round)))];
    const rows = names.map((name) => {
      const { median, min, max } = spreadOf(rounds.flatMap((round) => round[name] ?? []).map((ns) => ns / 1_000));
      return [name, median.toFixed(2), `${short(min)}-${short(max)}`];
    });
    return `${table([['part', 'CPU µs', 'min-max'], ...rows])}

On a record of about 1 KB; each round in a fresh process, in tight loops and so with everything hot: less than the same part costs inside a request.
`;
  },
};
