/**
 * Measures what `import 'holdfast'` costs: our own code, minified. Prevents: a convenience that pulls a store or a
 * dependency into every app without anybody noticing.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { fail, isMain, rootFromArguments } from './support.js';

const ceiling = 130_000;

export async function bundleBytes(root: string): Promise<number> {
  const { outputFiles } = await build({
    entryPoints: [join(root, 'dist/esm/index.js')],
    bundle: true,
    minify: true,
    write: false,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'error',
  });
  return outputFiles.reduce((bytes, file) => bytes + file.contents.byteLength, 0);
}

if (isMain(import.meta.url)) {
  const root = rootFromArguments();
  if (!existsSync(join(root, 'dist/esm/index.js'))) {
    fail('bundle', ['dist/esm/index.js is not built']);
  } else {
    const bytes = await bundleBytes(root);
    const said = `import 'holdfast' is ${bytes} bytes minified (ceiling ${ceiling})`;
    fail('bundle', bytes > ceiling ? [said] : [], said);
  }
}
