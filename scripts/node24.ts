/**
 * Runs the tests on Node 24, whatever Node is installed. Prevents: a release that works on one of the two lines that we
 * promise.
 *
 *   node --import tsx scripts/node24.ts [arguments for vitest run; default: the runs below]
 */
import { spawnSync } from 'node:child_process';
import { delimiter, dirname, join } from 'node:path';
import { node24, versionOf } from './node24-binary.js';
import { repository } from './support.js';

/**
 * All that depends on the Node it runs on: HTTP, streams, sockets, crypto, the clients of the stores and a native module.
 * Not again on every store what holds on one of them, and not what drives the demo, a browser or servers in trouble.
 */
const runs: readonly { readonly projects: readonly string[]; readonly stores: string; readonly files?: string }[] = [
  {
    projects: [
      ...['unit', 'guarantees', 'races', 'faults', 'fuzz', 'gate', 'people', 'sockets'],
      ...['express-session', 'ecosystem', 'lmdb', 'packaging'],
    ],
    stores: 'memory,lmdb',
  },
  // The conformance kits of redis and mongodb are among the unit tests.
  { projects: ['postgres'], stores: 'postgres', files: 'conformance' },
];

const node = node24();
console.log(`running the tests on Node ${versionOf(node)}`);
const vitest = join(repository, 'node_modules', 'vitest', 'vitest.mjs');
// Tests start processes of their own by the name `node` as well.
const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH ?? ''}` };

function run(args: readonly string[], more: NodeJS.ProcessEnv = {}): void {
  const { status } = spawnSync(node, [vitest, 'run', ...args], {
    cwd: repository,
    env: { ...env, ...more },
    stdio: 'inherit',
  });
  if (status !== 0) process.exitCode = status ?? 1;
}

const given = process.argv.slice(2);
if (given.length > 0) run(given);
else {
  for (const { projects, stores, files } of runs) {
    const args = projects.flatMap((name) => ['--project', name]);
    run(files === undefined ? args : [...args, files], { HOLDFAST_TEST_STORES: stores });
  }
}
