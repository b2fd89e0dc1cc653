/**
 * Small projects that use the packed tarball as a user's project does. They lie outside of this repository, so that
 * nothing resolves by accident: what is not linked on purpose is not there.
 */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const repository = fileURLToPath(new URL('../..', import.meta.url));

const npm = (cwd: string, ...args: string[]): string => {
  const { status, stdout, stderr, error } = spawnSync('npm', [...args, '--no-audit', '--no-fund'], {
    cwd,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`npm ${args.join(' ')} failed: ${error?.message ?? stderr}`);
  return stdout;
};

let base: string | undefined;

/** The project that the tarball was installed into; made once for a test file, removed when its process ends. */
function installed(): string {
  if (base !== undefined) return base;
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'holdfast-packaging-')));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const project = join(folder, 'installed');
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{ "private": true }');
  // `npm test` has built already; building again here would pull dist/ from under a test that reads it.
  npm(repository, 'pack', '--ignore-scripts', '--silent', '--pack-destination', folder);
  const [tarball] = readdirSync(folder).filter((name) => name.endsWith('.tgz'));
  // Offline holds only while the package has no run-time dependencies, which is a promise of its own.
  npm(project, 'install', '--offline', '--no-package-lock', join(folder, tarball ?? ''));
  base = project;
  return project;
}

/** Where the installed package lies, to look at what the tarball holds. */
export const installedPackage = (): string => join(installed(), 'node_modules', 'holdfast');

export interface Consumer {
  readonly folder: string;
  /** Runs Node in the project. */
  node(...args: string[]): SpawnSyncReturns<string>;
}

let made = 0;

/** A project with these files, the package, and links to those of our development dependencies that it asks for. */
export function consumer(files: Record<string, string>, links: readonly string[] = []): Consumer {
  const project = installed();
  const folder = join(dirname(project), `consumer-${++made}`);
  cpSync(join(project, 'node_modules'), join(folder, 'node_modules'), { recursive: true });
  for (const link of links) {
    const at = join(folder, 'node_modules', link);
    mkdirSync(dirname(at), { recursive: true });
    symlinkSync(join(repository, 'node_modules', link), at, 'dir');
  }
  for (const [name, text] of Object.entries({ 'package.json': '{ "private": true }', ...files })) {
    writeFileSync(join(folder, name), text);
  }
  const env = { ...process.env };
  // Inherited from the test runner, these change what is tested: a loader, and an app that believes itself in a test.
  delete env.NODE_OPTIONS;
  delete env.NODE_ENV;
  delete env.NODE_PATH;
  return {
    folder,
    node: (...args) => spawnSync(process.execPath, args, { cwd: folder, env, encoding: 'utf8' }),
  };
}

/** The current compiler, and the older one that a tool of ours carries: declarations must be readable to both. */
export function compilers(): Record<string, string> {
  const require = createRequire(import.meta.url);
  const attw = dirname(require.resolve('@arethetypeswrong/cli/package.json'));
  const core = createRequire(join(attw, 'package.json')).resolve('@arethetypeswrong/core');
  return {
    'the current TypeScript': join(repository, 'node_modules', 'typescript', 'bin', 'tsc'),
    'TypeScript 5': join(dirname(createRequire(core).resolve('typescript/package.json')), 'bin', 'tsc'),
  };
}
