/**
 * What the scripts share that put files of another language (Lua, SQL) where both builds can load them: as strings in a
 * generated module. Prevents: a package that looks for such files beside itself, which bundlers leave behind.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { fail, filesUnder, rootFromArguments } from './support.js';

export interface Embedding {
  /** The script's name, for messages. */
  readonly name: string;
  readonly folder: string;
  readonly files: RegExp;
  readonly target: string;
  /** What must not stand in a file beside what would not survive in a template literal. */
  readonly refused?: RegExp;
  /** The module as Biome formats it, from the files by their names without ending, in order. */
  readonly compile: (sources: ReadonlyMap<string, string>) => string;
}

function sourcesOf(root: string, { folder, files }: Embedding): Map<string, string> {
  return new Map(
    filesUnder(root, folder, files).map((file) => [
      basename(file, extname(file)),
      readFileSync(join(root, file), 'utf8'),
    ]),
  );
}

export function checkEmbedding(root: string, embedding: Embedding): string[] {
  const { name, folder, target, refused } = embedding;
  const sources = sourcesOf(root, embedding);
  const problems = [...sources]
    .filter(([, source]) => /[`\\]|\$\{/.test(source) || refused?.test(source))
    .map(
      ([file]) =>
        `${file} in ${folder} has a backtick, a backslash, \${${refused ? ` or ${refused.source}` : ''}, which would not survive the way into ${target}`,
    );
  if (readFileSync(join(root, target), 'utf8') !== embedding.compile(sources)) {
    problems.push(`${target} is not what ${folder} compiles to; run node --import tsx scripts/${name}.ts --write`);
  }
  return problems;
}

/** Checks, or with `--write` writes first. */
export function runEmbedding(embedding: Embedding): void {
  const root = rootFromArguments();
  if (process.argv.includes('--write')) {
    writeFileSync(join(root, embedding.target), embedding.compile(sourcesOf(root, embedding)));
  }
  fail(embedding.name, checkEmbedding(root, embedding));
}
