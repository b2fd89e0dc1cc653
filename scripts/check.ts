/**
 * Everything that can be said about the project without running its tests. All checks run, even after one has failed,
 * so that one round shows all there is to mend.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from './support.js';

const bin = (name: string): string => join(repository, 'node_modules', '.bin', name);
const script = (name: string): string[] => [process.execPath, '--import', 'tsx', `scripts/${name}.ts`];
const packed = join('.tmp', 'pack');

/** The tarball is what users get; publint and attw look at it, not at the working tree. */
const tarball = (): string => {
  const [file] = readdirSync(join(repository, packed)).filter((name) => name.endsWith('.tgz'));
  return join(packed, file ?? 'no-tarball.tgz');
};

const checks: Record<string, () => string[]> = {
  build: () => script('build'),
  types: () => [bin('tsc'), '-p', '.'],
  // Apart: it types `req.session` as express-session does, and the rest of the project as holdfast does.
  example: () => [bin('tsc'), '-p', 'examples/express-session'],
  lint: () => [bin('biome'), 'check', '--error-on-warnings', '.'],
  layers: () => script('check-layers'),
  sizes: () => script('check-sizes'),
  words: () => script('check-words'),
  lock: () => script('lock'),
  exports: () => script('check-exports'),
  lua: () => script('lua'),
  sql: () => script('sql'),
  docs: () => script('check-docs'),
  bundle: () => script('check-bundle'),
  pack: () => ['npm', 'pack', '--ignore-scripts', '--silent', '--pack-destination', packed],
  publint: () => [bin('publint'), 'run', tarball(), '--strict'],
  // The node16 profile leaves out the resolution of Node 10, which knows no subpaths; our engines begin at Node 20.
  attw: () => [bin('attw'), tarball(), '--profile', 'node16', '--no-emoji', '--format', 'ascii'],
};

rmSync(join(repository, packed), { recursive: true, force: true });
mkdirSync(join(repository, packed), { recursive: true });

const failed: string[] = [];
for (const [name, command] of Object.entries(checks)) {
  console.log(`\n> ${name}`);
  const [file = '', ...args] = command();
  const { status, error } = spawnSync(file, args, { cwd: repository, stdio: 'inherit' });
  if (error) console.error(`${name}: ${error.message}`);
  if (status !== 0) failed.push(name);
}
console.log(failed.length === 0 ? '\nAll checks passed.' : `\nFailed: ${failed.join(', ')}`);
if (failed.length > 0) process.exitCode = 1;
