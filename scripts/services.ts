/**
 * Puts the programs in place that the tests need beside Node, and starts each once to see that it works. Prevents: a new
 * machine on which a part of the tests quietly never ran. Installs on Debian as root; elsewhere says what to install.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { findProgram, type ProgramName, programs } from '../test/support/programs.js';
import { hasTools, makeMongodbServer } from './mongodb-server.js';
import { isMain } from './support.js';

const names = Object.keys(programs).filter((name): name is ProgramName => name in programs);

/** Made here out of what a package registry has: no Debian package is the program itself. */
const isMade = (name: ProgramName): boolean => 'made' in programs[name];

/** Ubuntu is not taken: its `chromium` package is a pointer to a snap, which does not run in a container. */
export const isDebian = (osRelease: string): boolean => /^ID="?debian"?$/m.test(osRelease);

function osRelease(): string {
  try {
    return readFileSync('/etc/os-release', 'utf8');
  } catch {
    return '';
  }
}

function apt(...args: string[]): boolean {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const { status, stderr } = spawnSync(
    'apt-get',
    ['-qq', '-o', 'Acquire::Retries=3', '-o', 'DPkg::Lock::Timeout=120', ...args],
    {
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  if (status !== 0) console.error(`apt-get ${args.join(' ')} failed:\n${stderr}`);
  return status === 0;
}

/** One more try after a fresh `update`: mirrors change under a package list. */
function install(packages: readonly string[]): boolean {
  const attempt = (): boolean => apt('update') && apt('install', '-y', '--no-install-recommends', ...packages);
  return attempt() || attempt();
}

/** What the program says of its version, or why it does not start. */
function verify(name: ProgramName): { ok: boolean; said: string } {
  const path = findProgram(name);
  if (path === undefined) return { ok: false, said: 'not found' };
  const { status, stdout, stderr, error } = spawnSync(path, [programs[name].version], {
    encoding: 'utf8',
    timeout: 30_000,
  });
  const said = `${stdout ?? ''}${stderr ?? ''}`.trim().split('\n')[0] ?? '';
  return { ok: status === 0, said: `${path}: ${error?.message ?? said}` };
}

if (isMain(import.meta.url)) {
  const absent = names.filter((name) => !verify(name).ok);
  if (absent.length > 0) {
    const packages = absent
      .filter((name) => !isMade(name) || !hasTools())
      .flatMap((name) => programs[name].debian.split(' '));
    if (packages.length === 0 || (isDebian(osRelease()) && process.getuid?.() === 0)) {
      if (packages.length > 0) {
        console.log(`installing ${packages.join(' ')}`);
        install(packages);
      }
      if (absent.some(isMade)) makeMongodbServer();
    } else {
      console.log('This is not Debian, or not root; install these yourself, or point the variable at them:');
      for (const name of absent) {
        console.log(
          `  ${name} (Debian package ${programs[name].debian}, variable ${programs[name].variable}): ${programs[name].use}`,
        );
      }
    }
  }
  for (const name of names) {
    const { ok, said } = verify(name);
    console.log(`${ok ? 'ok     ' : 'MISSING'} ${name}: ${said}`);
    if (!ok) process.exitCode = 1;
  }
}
