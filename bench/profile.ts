/**
 * `npm run bench:profile -- --config holdfast-memory --case read`: where a request's time goes in the server process,
 * compared with the same app without sessions.
 *
 *   --config <name>   default holdfast-memory
 *   --case <name>     read (default), write, anon or public
 *   --seconds <n>     of load under the profiler (default 5)
 *   --top <n>         lines of each table (default 15)
 *   --keep <file>     keep the V8 profile, for a viewer such as Chrome's developer tools
 */
import { copyFileSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Case, cases } from './cases.js';
import type { Configuration } from './configurations/configuration.js';
import { configurations } from './configurations/index.js';
import { findGenerator } from './load.js';
import { prepare, repository } from './prepare.js';
import { type Analysis, analyse, profileReport } from './profile-report.js';
import { makeReady } from './rounds.js';

const { values: given } = parseArgs({
  options: {
    config: { type: 'string', default: 'holdfast-memory' },
    case: { type: 'string', default: 'read' },
    seconds: { type: 'string', default: '5' },
    top: { type: 'string', default: '15' },
    keep: { type: 'string' },
  },
});

async function profiled(configuration: Configuration, asked: Case, serverFile: string): Promise<Analysis> {
  const generator = findGenerator();
  const seconds = Number(given.seconds);
  const plan = { seconds, warmSeconds: 3, serverFile, generator, say: () => {} };
  const { served, prepared } = await makeReady(configuration, asked, plan);
  try {
    await served.begin(true);
    await generator.run(served.port, prepared, seconds);
    const { profile, handled, cpuUs } = await served.measured();
    if (profile === undefined) throw new Error('The server made no profile.');
    if (given.keep !== undefined && !configuration.sessionless) copyFileSync(profile, given.keep);
    console.log(`${configuration.name}, ${asked.name}: ${(cpuUs / handled).toFixed(1)} µs of CPU a request, profiled`);
    return analyse(JSON.parse(readFileSync(profile, 'utf8')), handled, repository);
  } finally {
    await served.close();
  }
}

try {
  const configuration = configurations.find(({ name }) => name === given.config);
  const asked = cases.find(({ name }) => name === given.case);
  if (!configuration || !asked)
    throw new Error(`There is no configuration '${given.config}' or no case '${given.case}'.`);
  const serverFile = await prepare();
  const base = configurations.find(({ sessionless }) => sessionless);
  const without = base && base !== configuration ? await profiled(base, asked, serverFile) : undefined;
  const analysis = await profiled(configuration, asked, serverFile);
  console.log(profileReport(analysis, without, Number(given.top)));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
