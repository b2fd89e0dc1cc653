/**
 * What is in which file of dist/: the package's JavaScript, for one format. Each subpath is a file under its own name;
 * what `holdfast` shares with any other file is one part (parts/shared.js), and what loads later is a part each.
 *
 * Node looks up, reads and links every ES module apart, at half a millisecond or more: 87 files of sources cost
 * more than all that is in them. So `import 'holdfast'` is two files. One copy of each class, symbol and WeakMap is in a
 * format, whichever subpath asks for it.
 *
 * Not minified: names and lines in a stack trace are readable as they are, and with `--enable-source-maps` they are
 * those of the sources, which dist/ has beside it.
 */
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { rolldown } from 'rolldown';
import { subpaths } from './check-exports.js';
import { repository } from './support.js';

const sourceOf = (entry: string): string => join(repository, 'src', `${entry}.ts`);

/** Writes to `folder`, from where it is to be moved to dist/. */
export async function bundle(format: 'esm' | 'cjs', folder: string): Promise<void> {
  const bundled = await rolldown({
    input: Object.fromEntries(Object.values(subpaths).map((entry) => [entry, sourceOf(entry)])),
    platform: 'node',
    tsconfig: join(repository, 'tsconfig.json'),
    // Node's own modules, and the clients that an app brings.
    external: (id) => !id.startsWith('.') && !isAbsolute(id),
    // A subpath exports what its source does, not what another part wants of it.
    preserveEntrySignatures: 'strict',
    onLog(level, log) {
      if (level === 'warn') throw new Error(log.message);
    },
  });
  // What `holdfast` loads at once; found when the first module is asked for.
  let atOnce: Set<string> | undefined;
  await bundled.write({
    dir: folder,
    format,
    // As in the sources, which are ES modules.
    strict: true,
    esModule: true,
    exports: 'named',
    comments: false,
    minifyInternalExports: false,
    sourcemap: true,
    // The sources lie in dist/src once, for both formats.
    sourcemapExcludeSources: true,
    sourcemapPathTransform: (source, map) => {
      const inSources = relative(join(repository, 'src'), resolve(dirname(map), source));
      return join(relative(dirname(map), folder), '..', 'src', inSources);
    },
    entryFileNames: '[name].js',
    chunkFileNames: 'parts/[name].js',
    codeSplitting: {
      groups: [
        {
          debugName: 'shared',
          name: (id, modules) => {
            atOnce ??= reachedFrom(sourceOf('index'), (from) => modules.getModuleInfo(from)?.importedIds ?? []);
            return atOnce.has(id) ? 'shared' : null;
          },
          minShareCount: 2,
        },
      ],
    },
  });
  await bundled.close();
}

function reachedFrom(start: string, importsOf: (id: string) => readonly string[]): Set<string> {
  const reached = new Set<string>();
  const from = (id: string): void => {
    if (reached.has(id)) return;
    reached.add(id);
    for (const next of importsOf(id)) from(next);
  };
  from(start);
  return reached;
}
