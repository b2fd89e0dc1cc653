/**
 * Builds dist/: ESM and CJS, each with its declarations. It is built aside and then moved into place, so that a test
 * run in progress never meets half a package and a deleted source leaves nothing behind.
 */
import { spawn } from 'node:child_process';
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from './support.js';

const aside = join(repository, '.tmp', `build-${process.pid}`);
const dist = join(repository, 'dist');

const compile = (project: string, folder: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const tsc = join(repository, 'node_modules', 'typescript', 'bin', 'tsc');
    spawn(process.execPath, [tsc, '-p', project, '--outDir', join(aside, folder)], {
      cwd: repository,
      stdio: 'inherit',
    })
      .on('error', reject)
      .on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`tsc -p ${project} failed`))));
  });

/** Two builds at the same time both end well: the later one takes the earlier one's result away and puts its own. */
function put(): void {
  for (let attempt = 1; ; attempt++) {
    try {
      if (existsSync(dist)) renameSync(dist, `${aside}-old-${attempt}`);
      renameSync(aside, dist);
      return;
    } catch (error) {
      if (attempt === 5) throw error;
    } finally {
      rmSync(`${aside}-old-${attempt}`, { recursive: true, force: true });
    }
  }
}

try {
  await Promise.all([compile('tsconfig.build.json', 'esm'), compile('tsconfig.build.cjs.json', 'cjs')]);
  // The package is "type": "module"; without this Node reads the CJS files as ESM.
  writeFileSync(join(aside, 'cjs', 'package.json'), '{ "type": "commonjs" }\n');
  put();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  rmSync(aside, { recursive: true, force: true });
}
