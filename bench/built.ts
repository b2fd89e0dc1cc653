/**
 * holdfast as an app gets it: the ESM build, found by way of the package's own `exports`. (Node resolves `holdfast` from
 * inside the package only up to the nearest package.json, which for these files is the bench's.)
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** The server is bundled to another folder, and told where the repository is. */
export const repositoryVariable = 'HOLDFAST_BENCH_REPOSITORY';

interface Manifest {
  exports: Record<string, { import?: { default?: string } } | undefined>;
}

export async function importBuilt<Module>(subpath: string): Promise<Module> {
  const repository = process.env[repositoryVariable];
  if (repository === undefined)
    throw new Error(`${repositoryVariable} is not set; start the bench with npm run bench.`);
  const manifest: Manifest = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'));
  const target = manifest.exports[subpath]?.import?.default;
  if (target === undefined) throw new Error(`package.json exports no ESM build for ${subpath}.`);
  const file = join(repository, target);
  if (!existsSync(file)) throw new Error(`${target} is not built; run npm run build first.`);
  return await import(pathToFileURL(file).href);
}
