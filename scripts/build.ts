/**
 * Builds dist/: ESM and CJS, each with its declarations, which TypeScript makes file by file. It is built aside and then
 * moved into place, so that a test run in progress never meets half a package and a deleted source leaves nothing behind.
 */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundle } from './bundle.js';
import { repository } from './support.js';

const aside = join(repository, '.tmp', `build-${process.pid}`);
const dist = join(repository, 'dist');

const declare = (folder: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const tsc = join(repository, 'node_modules', 'typescript', 'bin', 'tsc');
    spawn(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', folder], {
      cwd: repository,
      stdio: 'inherit',
    })
      .on('error', reject)
      .on('exit', (code) => (code === 0 ? resolve() : reject(new Error('tsc -p tsconfig.build.json failed'))));
  });

const isSource = (path: string): boolean =>
  statSync(path).isDirectory() || (path.endsWith('.ts') && !path.endsWith('.test.ts'));

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
  const [esm, cjs, types] = ['esm', 'cjs', 'types'].map((folder) => join(aside, folder)) as [string, string, string];
  await Promise.all([declare(types), bundle('esm', esm), bundle('cjs', cjs)]);
  // The same text for both; which format it speaks of is told by the package.json nearest to it.
  for (const folder of [esm, cjs]) cpSync(types, folder, { recursive: true });
  rmSync(types, { recursive: true });
  // What the source maps lead to.
  cpSync(join(repository, 'src'), join(aside, 'src'), { recursive: true, filter: isSource });
  // The package is "type": "module"; without this Node reads the CJS files as ESM.
  writeFileSync(join(cjs, 'package.json'), '{ "type": "commonjs" }\n');
  put();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  rmSync(aside, { recursive: true, force: true });
}
