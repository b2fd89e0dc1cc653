/**
 * Takes each guarantee's mechanism out, one at a time, in a copy of the tree, and demands that its tests turn red.
 * Prevents: a test that would pass whatever the library did. `--only G3` (or a word of a mutant's description) runs
 * some; the exit code is 1 when one survives, can't be applied, or breaks the file instead of its behaviour.
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Mutant } from './mutants/mutant.js';
import { mutants } from './mutants/mutants.js';
import { isMain, readJson, repository } from './support.js';

const workers = 2;
/** A mutant that hangs has been noticed as well. */
const hangMs = 90_000;
const wholeRunMs = 600_000;
/** Guarantee tests are named after the store that they run on; the memory store is the fastest to notice. */
const onMemory = "^(?!.*: '(?!memory')[a-z -]+')";
const copied = ['src', 'test', 'docs', 'package.json', 'tsconfig.json', 'vitest.config.ts'];

type Outcome = 'red' | 'red (hung)' | 'SURVIVED' | 'NOT APPLIED' | 'BROKEN';

interface Verdict {
  readonly mutant: Mutant;
  readonly outcome: Outcome;
  /** The first test that failed, or what went wrong. */
  readonly by: string;
}

interface Report {
  readonly testResults: readonly {
    readonly message: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

function copyTree(): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-mutants-'));
  for (const name of copied) cpSync(join(repository, name), join(folder, name), { recursive: true });
  symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

/** The report, or undefined where the run did not end in time. */
function runTests(
  folder: string,
  tests: readonly string[],
  limitMs: number,
  ...more: string[]
): Promise<Report | undefined> {
  const output = join(folder, 'report.json');
  rmSync(output, { force: true });
  const vitest = join(folder, 'node_modules', 'vitest', 'vitest.mjs');
  const args = ['run', '--root', folder, '--reporter=json', `--outputFile=${output}`, '--maxWorkers=2'];
  const child = spawn(
    process.execPath,
    [vitest, ...args, ...more, ...tests],
    // A group of its own, so that a hung run goes with all the processes that it started.
    { cwd: folder, stdio: 'ignore', detached: true, env: { ...process.env, CI: '' } },
  );
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    }, limitMs);
    child.on('close', (_code, signal) => {
      clearTimeout(timer);
      resolve(signal === null ? readJson<Report>(output) : undefined);
    });
  });
}

/** The mutated text; undefined where a piece to be replaced does not stand there exactly once. */
export function mutated(source: string, mutant: Pick<Mutant, 'find' | 'replace' | 'also'>): string | undefined {
  let text = source;
  for (const { find, replace } of [mutant, ...(mutant.also ?? [])]) {
    if (find === replace || text.split(find).length !== 2) return undefined;
    text = text.replace(find, () => replace);
  }
  return text;
}

async function judge(folder: string, mutant: Mutant, ...more: string[]): Promise<Verdict> {
  const report = await runTests(folder, mutant.tests, hangMs, '--bail=1', '--testTimeout=8000', ...more);
  if (!report) return { mutant, outcome: 'red (hung)', by: `no end within ${hangMs / 1_000} s` };
  const results = report.testResults.flatMap(({ assertionResults }) => assertionResults);
  const failed = results.find(({ status }) => status === 'failed');
  if (failed) return { mutant, outcome: 'red', by: failed.fullName };
  const unloadable = report.testResults.find(({ message }) => message !== '');
  if (unloadable || results.length === 0) {
    return { mutant, outcome: 'BROKEN', by: unloadable?.message.split('\n', 1)[0] ?? 'no tests ran' };
  }
  return { mutant, outcome: 'SURVIVED', by: '' };
}

async function tryMutant(folder: string, mutant: Mutant): Promise<Verdict> {
  const path = join(folder, mutant.file);
  const source = readFileSync(path, 'utf8');
  const text = mutated(source, mutant);
  if (text === undefined)
    return { mutant, outcome: 'NOT APPLIED', by: 'the text to replace does not stand there exactly once' };
  try {
    writeFileSync(path, text);
    const first = mutant.file.startsWith('src/stores/lmdb')
      ? []
      : [await judge(folder, mutant, `--testNamePattern=${onMemory}`)];
    return first.find(({ outcome }) => outcome !== 'SURVIVED') ?? (await judge(folder, mutant));
  } finally {
    writeFileSync(path, source);
  }
}

async function unmutatedIsGreen(folder: string, tests: readonly string[]): Promise<boolean> {
  const report = await runTests(folder, tests, wholeRunMs);
  const failed = report?.testResults.flatMap(({ message, assertionResults }) => [
    ...(message === '' ? [] : [message]),
    ...assertionResults.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName),
  ]);
  if (failed?.length === 0 && report?.testResults.length === tests.length) return true;
  console.error('mutants: the tests must be green before anything is taken out, and are not:');
  for (const name of (failed ?? ['the run did not end']).slice(0, 10)) console.error(`  ${name}`);
  if (failed && failed.length > 10) console.error(`  and ${failed.length - 10} more`);
  return false;
}

const usage = `npm run mutants                    all of them: about an hour
npm run mutants -- --only G3       those of a guarantee
npm run mutants -- --only WORD     those with this in their description
npm run mutants -- --list          says what there is, and runs nothing`;

/** What is to be run, by a guarantee or a word. What is not understood runs nothing: a whole run takes long. */
export function chosenBy(args: readonly string[]): readonly Mutant[] | 'list' | 'usage' {
  const [option, only, ...more] = args;
  if (option === undefined) return mutants;
  if (option === '--list' && only === undefined) return 'list';
  if (option !== '--only' || !only || more.length > 0) return 'usage';
  return mutants.filter(({ guarantee, what }) => guarantee === only || what.includes(only));
}

async function main(): Promise<boolean> {
  const chosen = chosenBy(process.argv.slice(2));
  if (chosen === 'usage') {
    console.log(usage);
    return process.argv[2] === '--help';
  }
  if (chosen === 'list') {
    for (const { guarantee, what } of mutants) console.log(`${guarantee.padEnd(4)} ${what}`);
    return true;
  }
  if (chosen.length === 0) {
    console.error('mutants: there is none of that guarantee, or with that word; --list says what there is');
    return false;
  }
  const folders = Array.from({ length: workers }, copyTree);
  try {
    const tests = [...new Set(chosen.flatMap((mutant) => mutant.tests))];
    if (!(await unmutatedIsGreen(folders[0] ?? '', tests))) return false;
    const waiting = [...chosen];
    const verdicts: Verdict[] = [];
    await Promise.all(
      folders.map(async (folder) => {
        for (let mutant = waiting.shift(); mutant; mutant = waiting.shift()) {
          const verdict = await tryMutant(folder, mutant);
          verdicts.push(verdict);
          console.log(line(verdict));
        }
      }),
    );
    const bad = verdicts.filter(({ outcome }) => !outcome.startsWith('red'));
    const guarantees = new Set(verdicts.map(({ mutant }) => mutant.guarantee));
    console.log(
      `\n${verdicts.length} mutants of ${guarantees.size} guarantees: ${verdicts.length - bad.length} red, ${bad.length} not`,
    );
    for (const verdict of bad) console.error(line(verdict));
    return bad.length === 0;
  } finally {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  }
}

function line({ mutant, outcome, by }: Verdict): string {
  const tests = mutant.tests.map((test) => test.replace(/^.*\/|\.test\.ts$/g, '')).join(', ');
  return `${mutant.guarantee.padEnd(4)} ${outcome.padEnd(11)} ${mutant.what} [${tests}]${by === '' ? '' : `\n                 by: ${by}`}`;
}

if (isMain(import.meta.url)) process.exitCode = (await main()) ? 0 : 1;
