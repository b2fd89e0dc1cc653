/**
 * Measures what `import 'holdfast'` costs: our own code that it loads, minified. What is loaded only when an option asks
 * for it (`import()`) is measured beside it. Counts the files, too, since Node takes half a millisecond and more for each.
 * Prevents: a convenience that pulls a store or a dependency into every app without anybody noticing, and a build that
 * falls apart into many files again.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { fail, isMain, rootFromArguments } from './support.js';

const ceiling = 133_800;
const mostFiles = 2;

export interface Weight {
  readonly bytes: number;
  /** That Node reads for it. */
  readonly files: number;
  /** What `import()` can load besides. */
  readonly later: number;
}

/** `entry`: the file that is imported, from `root` on. */
export async function bundleBytes(root: string, entry = 'dist/esm/index.js'): Promise<Weight> {
  const { metafile } = await build({
    entryPoints: [join(root, entry)],
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    splitting: true,
    outdir: join(root, 'dist/measured'),
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'error',
  });
  const { inputs, outputs } = metafile;
  const [first] = Object.entries(outputs).find(([, { entryPoint }]) => entryPoint?.endsWith(entry)) ?? [];
  const loaded = new Set<string>();
  const load = (name: string): void => {
    if (loaded.has(name)) return;
    loaded.add(name);
    for (const { path, kind } of outputs[name]?.imports ?? [])
      if (kind === 'import-statement' && path in outputs) load(path);
  };
  if (first !== undefined) load(first);
  let [bytes, later] = [0, 0];
  for (const [name, output] of Object.entries(outputs)) {
    if (loaded.has(name)) bytes += output.bytes;
    else later += output.bytes;
  }
  const read = new Set(Object.keys(inputs).filter((file) => file.endsWith(entry)));
  for (const file of read)
    for (const { path, kind } of inputs[file]?.imports ?? [])
      if (kind === 'import-statement' && path in inputs) read.add(path);
  return { bytes, files: read.size, later };
}

if (isMain(import.meta.url)) {
  const root = rootFromArguments();
  if (!existsSync(join(root, 'dist/esm/index.js'))) {
    fail('bundle', ['dist/esm/index.js is not built']);
  } else {
    const { bytes, files, later } = await bundleBytes(root);
    const besides = later > 0 ? `, and ${later} more load when an option asks for them` : '';
    const said = `import 'holdfast' is ${bytes} bytes minified (ceiling ${ceiling}) in ${files} files (at most ${mostFiles})${besides}`;
    fail('bundle', bytes > ceiling || files > mostFiles ? [said] : [], said);
  }
}
