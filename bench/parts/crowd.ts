/** Growth over the number of sessions, in the store itself: the same calls on a store with few and on one with ever more. */
import { fork } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type CallName, callNames, type Window } from '../crowd/calls.js';
import { kinds, payload } from '../crowd/kinds.js';
import { type CrowdRow, few, type Told } from '../crowd/process.js';
import { short, table } from '../markdown.js';
import { chosen, type Part, type Settings } from '../part.js';
import { medianOf, spreadOf } from '../statistics.js';

interface CrowdData {
  readonly few: number;
  readonly rows: readonly CrowdRow[];
  /** Stores that were not measured to the end, and why. */
  readonly cut: readonly string[];
}

const decades = [100, 1_000, 10_000, 100_000, 1_000_000];
const program = fileURLToPath(new URL('../crowd/process.ts', import.meta.url));
/** Of one call on one store in a round. */
const windowMs = 50;
/** A store that takes longer is ended, and what it had is kept. */
const patienceMs = 600_000;
/** Of the promise that cost is flat: a store of so many, by one of `few`. */
const promised = { sessions: 1_000_000, ratio: 1.1 };

const kindsOf = ({ stores }: Settings) => chosen('stores', stores ?? 'memory,lmdb,redis,postgres', kinds);

/** In a folder of its own, which goes with it: a million sessions are up to two gigabytes in one store. */
function measureKind(name: string, counts: readonly number[], rounds: number, told: (one: Told) => void) {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-crowd-'));
  // A database's server may run as another user.
  chmodSync(folder, 0o711);
  return new Promise<string | undefined>((resolve) => {
    const child = fork(program, [name, counts.join(','), String(rounds), String(windowMs)], {
      execArgv: ['--import', 'tsx', '--max-old-space-size=8192'],
      env: { ...process.env, TMPDIR: folder },
    });
    let why: string | undefined;
    const impatient = setTimeout(() => {
      why = `it took more than ${patienceMs / 1_000} s`;
      child.kill('SIGKILL');
    }, patienceMs);
    child.on('message', (one: Told) => {
      if ('failed' in one) why = one.failed;
      else told(one);
    });
    child.on('close', (code, signal) => {
      clearTimeout(impatient);
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
      const ended = code === 0 ? undefined : `its process ended with ${code ?? signal}`;
      resolve(why ?? ended);
    });
  });
}

export const crowdPart: Part<CrowdData> = {
  name: 'crowd',
  title: 'Growth with the number of sessions',
  defaults: { rounds: 9, seconds: 1, sessions: few },
  estimate(settings) {
    const { counts = decades, rounds } = settings;
    const most = counts.at(-1) ?? 0;
    return kindsOf(settings).reduce((sum, kind) => {
      const fitting = counts.filter((count) => count <= (kind.most ?? count));
      const made = Math.min(most, kind.most ?? most) / 12_000;
      return sum + 4 + made + fitting.length * (3 + rounds * callNames.length * 2.5 * (windowMs / 1_000));
    }, 0);
  },
  packages: () => ['lmdb', 'redis', 'pg', 'mongodb'],
  async run(settings, { say, keep }) {
    const { counts = decades, rounds } = settings;
    const rows: CrowdRow[] = [];
    const cut: string[] = [];
    const data: CrowdData = { few, rows, cut };
    for (const { name, most } of kindsOf(settings)) {
      const fitting = counts.filter((count) => count <= (most ?? count));
      const why = await measureKind(name, fitting, rounds, (told) => {
        if ('say' in told) return say(told.say);
        if ('failed' in told) return;
        rows.push(told.row);
        say(`${name}: ${told.row.sessions.toLocaleString('en')} sessions measured. ${lineOf(told.row)}`);
        keep(data);
      });
      if (why === undefined) continue;
      cut.push(`${name}: ${why}`);
      say(`NOT TO THE END: ${name}: ${why}`);
    }
    return data;
  },
  markdown: ({ few: base, rows, cut }) => {
    const cells = rows.map((row) => {
      const { store, sessions, sweeps, longestPauseMs, bytes } = row;
      const sweep = sweeps.many.length === 0 ? '-' : `${short(medianOf(sweeps.many))} (${short(medianOf(sweeps.few))})`;
      const calls = callNames.flatMap((call) => [short(medianOf(cpuOf(row, call).many)), ratioText(row, call)]);
      const [pause, size] = [longestPauseMs.toFixed(1), bytes === undefined ? '-' : bytes.toFixed(0)];
      return [store, sessions.toLocaleString('en'), ...calls, sweep, pause, size];
    });
    const named = callNames.flatMap((call) => [`${call} µs`, `of ${base.toLocaleString('en')}`]);
    const head = ['store', 'sessions', ...named, 'sweep ms', 'GC pause ms', 'bytes'];
    const lines = verdicts(rows);
    return `${table([head, ...cells])}
${lines.length > 0 ? `\nGoal: a call on ${promised.sessions.toLocaleString('en')} sessions takes at most ${promised.ratio} times the CPU of one on ${base.toLocaleString('en')}, by the medians:\n\n${lines.join('\n')}\n` : ''}
Calls to the store itself, 16 at once where it answers later, of random sessions of ${payload.toLocaleString('en')} bytes, each of an owner of its own. The µs are CPU time of the process, its garbage collector included, and of the store's server (not mongodb's); "of ${base.toLocaleString('en')}" is the ratio to a store of that many in the same rounds: median (min-max). "sweep" finds nothing to remove; in brackets that of the small store. "GC pause" is the longest while all calls of the line were measured. "bytes" is what the store says that a session takes.${cut.length > 0 ? ` Not measured to the end: ${cut.join('; ')}.` : ''} Not mongodb by itself: the server that \`npm run services\` puts in place holds no more than 10,000, and slowly.
`;
  },
};

const cpuOf = ({ calls }: CrowdRow, call: CallName) => {
  const cpu = (windows: readonly Window[]) => windows.map(({ cpuUs }) => cpuUs);
  return { many: cpu(calls[call].many), few: cpu(calls[call].few) };
};

const ratioOf = (row: CrowdRow, call: CallName) => {
  const { many, few: less } = cpuOf(row, call);
  return spreadOf(many.map((us, round) => us / (less[round] ?? Number.NaN)));
};

function ratioText(row: CrowdRow, call: CallName): string {
  const { median, min, max } = ratioOf(row, call);
  return `${median.toFixed(2)} (${min.toFixed(2)}-${max.toFixed(2)})`;
}

const lineOf = (row: CrowdRow): string =>
  callNames.map((call) => `${call} ${short(medianOf(cpuOf(row, call).many))} µs, ${ratioText(row, call)}`).join('; ');

/** One line for each store that was filled so far. */
function verdicts(rows: readonly CrowdRow[]): string[] {
  return rows
    .filter(({ sessions }) => sessions === promised.sessions)
    .map((row) => {
      const calls = callNames.map((call) => {
        const { median } = ratioOf(row, call);
        const { many, few: less } = cpuOf(row, call);
        const more = medianOf(many.map((us, round) => us - (less[round] ?? Number.NaN)));
        const verdict = median <= promised.ratio ? 'met' : 'MISSED';
        return `${call} ${median.toFixed(2)}, ${verdict} (${more < 0 ? '' : '+'}${more.toFixed(1)} µs)`;
      });
      return `- ${row.store}: ${calls.join('; ')}`;
    });
}
