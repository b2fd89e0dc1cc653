/** Starts the small benchmarks in a process of their own, on the build of a tree. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { build } from 'esbuild';
import { repositoryVariable } from './built.js';
import { resultLine } from './load.js';
import { bench } from './prepare.js';

const bundled = join(bench, 'node_modules', '.cache', 'micro.mjs');

export const bundleMicros = (): Promise<unknown> =>
  build({
    entryPoints: [join(bench, 'micro', 'index.ts')],
    outfile: bundled,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'warning',
  });

/** Nanoseconds by name; a part that the tree does not have is left out. */
export function microTimes(built: string, ms: number): Promise<Record<string, number>> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, NODE_OPTIONS: '', [repositoryVariable]: built };
    const child = spawn(process.execPath, [bundled, String(ms)], { stdio: ['ignore', 'pipe', 'inherit'], env });
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      printed += chunk;
    });
    child.on('error', reject).on('close', (code) => {
      if (code === 0) resolve(resultLine(printed));
      else reject(new Error(`the small benchmarks ended with ${code}`));
    });
  });
}
