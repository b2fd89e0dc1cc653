/**
 * For tests that need a program beside Node:
 *
 *   const chromium = needs('chromium');
 *   describe.runIf(chromium)('in a browser', () => { ... chromium ?? '' ... });
 *
 * Without the program the tests are skipped and the run says so loudly at its end. With CI set it is an error: a
 * pipeline that quietly stops testing something looks exactly like one that passes.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findProgram, type ProgramName, programs } from './programs.js';

/** Set by the reporter before any test process starts, so that runs at the same time do not mix. */
export const runVariable = 'HOLDFAST_TEST_RUN';

const folder = (): string =>
  join(fileURLToPath(new URL('../../.tmp/needs', import.meta.url)), process.env[runVariable] ?? 'no-run');

/** The program's path; `undefined` where it is absent, and then the run's end names it. Throws instead when CI is set. */
export function needs(name: ProgramName, env: NodeJS.ProcessEnv = process.env): string | undefined {
  const path = findProgram(name, env);
  if (path !== undefined) return path;
  const reason = whyMissing(name);
  if (isCI(env)) throw new Error(`${reason} With CI set, tests are not skipped for a missing program.`);
  // A file each: test files run in processes of their own.
  mkdirSync(folder(), { recursive: true });
  writeFileSync(join(folder(), name), reason);
  return undefined;
}

export const isCI = (env: NodeJS.ProcessEnv): boolean => !['', '0', 'false', undefined].includes(env.CI);

export function whyMissing(name: ProgramName): string {
  const { debian, names, use, variable } = programs[name];
  return (
    `${name} was not found (${names.join(', ')} on PATH, or ${variable}). It is needed for ${use}. ` +
    `On Debian as root: npm run services (installs ${debian}); elsewhere install it or set ${variable}.`
  );
}

export function missing(): string[] {
  try {
    return readdirSync(folder())
      .sort()
      .map((name) => readFileSync(join(folder(), name), 'utf8'));
  } catch {
    return [];
  }
}

export const forgetMissing = (): void => rmSync(folder(), { recursive: true, force: true });
