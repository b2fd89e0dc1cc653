/**
 * Runs the compliance tests against the demo over HTTP and prints, for each requirement, by what it is met and whether
 * that was shown. Prevents: a page that claims what no test has seen. The exit code is 1 when anything is not shown.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Requirement, requirements } from '../test/compliance/requirements.js';
import { isMain, readJson, repository } from './support.js';

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

/** Each requirement with the results of its tests: `passed`, `failed`, or another word of the runner's. */
export function tally(report: Report): Map<string, string[]> {
  const results = new Map<string, string[]>();
  for (const { status, fullName } of report.testResults.flatMap(({ assertionResults }) => assertionResults)) {
    const [, ids = ''] = /\[([^\]]+)\]/.exec(fullName) ?? [];
    for (const id of ids.split(' ')) results.set(id, [...(results.get(id) ?? []), status]);
  }
  return results;
}

export function verdictOf({ unshown }: Requirement, statuses: readonly string[]): string {
  if (unshown !== undefined) return `-     (${unshown})`;
  if (statuses.length === 0) return 'NOT SHOWN';
  return statuses.every((status) => status === 'passed') ? `pass  (${statuses.length})` : 'FAIL';
}

function main(): boolean {
  mkdirSync(join(repository, '.tmp'), { recursive: true });
  const output = join(repository, '.tmp', `compliance-${process.pid}.json`);
  const vitest = join(repository, 'node_modules', 'vitest', 'vitest.mjs');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${output}`];
  spawnSync(process.execPath, [vitest, 'run', '--project', 'compliance', ...reporters], {
    cwd: repository,
    stdio: ['ignore', process.stderr, process.stderr],
  });
  const report = readJson<Report>(output);
  rmSync(output, { force: true });
  const results = tally(report);
  const rows = requirements.map((requirement) => ({
    requirement,
    verdict: verdictOf(requirement, results.get(requirement.id) ?? []),
  }));
  for (const { requirement, verdict } of rows) {
    const { id, by, what } = requirement;
    console.log(`${id.padEnd(27)} ${by.padEnd(8)} ${what.padEnd(56)} ${verdict}`);
  }
  const bad = rows.filter(({ verdict }) => verdict === 'FAIL' || verdict === 'NOT SHOWN');
  const unloadable = report.testResults.filter(({ message }) => message !== '').length;
  console.log(
    `\n${rows.length} requirements, ${bad.length} not met${unloadable > 0 ? '; some test files did not run' : ''}`,
  );
  return bad.length === 0 && unloadable === 0;
}

if (isMain(import.meta.url)) process.exitCode = main() ? 0 : 1;
