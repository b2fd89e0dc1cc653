/** Puts in place what a run needs: the bench's own packages, the built package, the bundled server. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { wrkVersion } from './load.js';

export const repository = fileURLToPath(new URL('..', import.meta.url));
export const bench = join(repository, 'bench');

/** Inside node_modules, so that git, the linter and the checks pass by; packages resolve from the bench's own. */
const bundled = join(bench, 'node_modules', '.cache', 'server.mjs');

interface Manifest {
  version: string;
  dependencies: Record<string, string>;
  optionalDependencies: Record<string, string>;
}

const manifestIn = (folder: string): Manifest => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));

/** Answers the server's file, to be started with plain `node`. */
export async function prepare(): Promise<string> {
  installPackages();
  if (!existsSync(join(repository, 'dist', 'esm', 'index.js'))) {
    throw new Error('dist/ has no build of holdfast; run npm run build first.');
  }
  await build({
    entryPoints: [join(bench, 'server.ts')],
    outfile: bundled,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'warning',
  });
  return bundled;
}

function installPackages(): void {
  const { dependencies, optionalDependencies } = manifestIn(bench);
  const withoutWrk = wrkVersion() === undefined;
  const wanted = Object.entries({ ...dependencies, ...(withoutWrk ? optionalDependencies : {}) });
  const missing = wanted.filter(([name, version]) => {
    const folder = join(bench, 'node_modules', name);
    return !existsSync(folder) || manifestIn(folder).version !== version;
  });
  if (missing.length === 0) return;
  console.error(`installing ${missing.map(([name, version]) => `${name}@${version}`).join(', ')} into bench/`);
  const quiet = ['--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const omit = withoutWrk ? [] : ['--omit=optional'];
  const { status } = spawnSync('npm', ['install', '--prefix', bench, ...quiet, ...omit], {
    cwd: bench,
    stdio: ['ignore', process.stderr.fd, 'inherit'],
  });
  if (status !== 0) throw new Error('npm install in bench/ failed.');
}

/** The version of a package as the server process meets it. */
export function versionOf(name: string): string {
  if (name === 'holdfast') return manifestIn(repository).version;
  // Not by `name/package.json`: an `exports` field may hide it. The nearest one above the entry file that has a version.
  let folder = dirname(createRequire(bundled).resolve(name));
  for (; folder !== dirname(folder); folder = dirname(folder)) {
    const file = join(folder, 'package.json');
    if (existsSync(file) && manifestIn(folder).version !== undefined) return manifestIn(folder).version;
  }
  return 'of unknown version';
}
