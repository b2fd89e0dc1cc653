/** The main table: what a session costs a request, beside others. */
import { type Case, cases, untouched } from '../cases.js';
import { bounds, configurations } from '../configurations/index.js';
import { connections } from '../load.js';
import { chosen, chosenConfigurations, type Part, packagesOf, type Settings } from '../part.js';
import { type Failure, measureCases, type Outcome, type Sample } from '../rounds.js';
import { summary } from './table-report.js';

export interface TableData {
  readonly failures: readonly Failure[];
  readonly cases: readonly { readonly name: string; readonly samples: readonly Sample[] }[];
}

const every: readonly Case[] = [...cases, untouched];
const casesOf = ({ case: names }: Settings) => chosen('case', names ?? cases.map(({ name }) => name).join(','), every);
const warmSecondsOf = ({ quick, seconds }: Settings) => (quick || seconds === 1 ? 1 : 2);

/** Starting wrk and asking the server for its figures. */
const perRunSeconds = 0.2;
/** To start a row's server and store, and to begin its sessions, two rows at a time. */
const startSeconds = 1.5;
const perSessionSeconds = 0.0003;

export const outcomesOf = (data: TableData): Outcome[] =>
  data.cases.flatMap(({ name, samples }) => {
    const asked = every.find((one) => one.name === name);
    return asked ? [{ asked, samples }] : [];
  });

const leftOut = ({ failures }: TableData): string =>
  failures.map((one) => `\n- LEFT OUT: ${one.configuration}${one.case ? `, ${one.case}` : ''}: ${one.why}\n`).join('');

export const tablePart: Part<TableData> = {
  name: 'table',
  title: 'Requests',
  defaults: { rounds: 7, seconds: 2, sessions: 10_000 },
  estimate(settings) {
    const rows = chosenConfigurations(settings.only).length;
    const { rounds, seconds } = settings;
    const inARound = (rows + 1) * (seconds + perRunSeconds);
    const eachCase = rounds * inARound + rows * (warmSecondsOf(settings) + perRunSeconds);
    return rows * (startSeconds + settings.sessions * perSessionSeconds) + casesOf(settings).length * eachCase;
  },
  packages: ({ only }) => packagesOf(chosenConfigurations(only)),
  async run(settings, tools) {
    const { rounds, seconds, sessions, only } = settings;
    const failures: Failure[] = [];
    const dataOf = (outcomes: readonly Outcome[]): TableData => ({
      failures,
      cases: outcomes.map(({ asked, samples }) => ({ name: asked.name, samples })),
    });
    const done = (outcomes: readonly Outcome[]) => tools.keep(dataOf(outcomes));
    const plan = { ...tools, rounds, seconds, sessions, warmSeconds: warmSecondsOf(settings), done };
    return dataOf(await measureCases(casesOf(settings), chosenConfigurations(only), plan, failures));
  },
  markdown: (data) => `${summary(outcomesOf(data), [...configurations, ...bounds])}${leftOut(data)}
How it is measured:

- The same small app for every row, in a server process of its own; the load in another, ${connections} keep-alive connections on loopback. Each row with a store has a server of that store for itself.
- Sessions of about 1 KB, begun through the app itself; requests name them by Zipf's law (exponent 1).
- "of no session" compares requests per second with the app without sessions *in the same round*; min and max are over the rounds. Rows of another framework are compared with that framework.
- "µs over no session" is CPU time for each request, user and system, all threads of the server process (not of the store), less that of the app without sessions in the same round.
- "store commands/request" is what the store's own server counted, "bytes" what the server process's sockets to it carried.
- Before anything is measured, each app must answer each session's own value, show a write in the next request, and have nothing for a stranger or a forged cookie. In each round every request must have found its session, and every answer must be 2xx. A row that fails in any of that is left out, and said so.
- Plain http on loopback, \`NODE_ENV=development\`. Redis without persistence, PostgreSQL without fsync, lmdb with its defaults in the system's folder for temporary files.
`,
};
