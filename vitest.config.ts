/**
 * One project for the unit tests beside their sources and one for each folder of test/ that holds tests, so that a new
 * folder is never a folder that nobody runs.
 */
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { ClosingReporter } from './test/support/reporter.js';

const root = fileURLToPath(new URL('.', import.meta.url));

/**
 * Folders whose tests assert how long something takes, after all others. Theirs is to wait for deadlines of real servers,
 * which they can do side by side.
 */
const timed = ['chaos'];
/** Half of what most of these tests do is to wait for a server. */
const workers = Math.max(3, availableParallelism() - 1);
/** No test is about time: this is for one that hangs, on a machine that is busy with other things. */
const patienceMs = 120_000;

const folders = readdirSync(`${root}test`, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)
  .filter((name) =>
    readdirSync(`${root}test/${name}`, { recursive: true }).some((file) => /\.test\.ts$/.test(`${file}`)),
  );

function project(name: string, include: string): TestProjectInlineConfiguration {
  return {
    test: {
      name,
      include: [include],
      exclude: ['**/node_modules/**'],
      environment: 'node',
      globalSetup: [`${root}test/support/shared-servers.ts`],
      testTimeout: patienceMs,
      hookTimeout: patienceMs,
      expect: { poll: { timeout: patienceMs } },
      maxWorkers: timed.includes(name) ? 4 : workers,
      sequence: { groupOrder: timed.includes(name) ? 1 : 0 },
    },
  };
}

export default defineConfig({
  test: {
    projects: [
      project('unit', 'src/**/*.test.ts'),
      ...folders.map((name) => project(name, `test/${name}/**/*.test.ts`)),
    ],
    reporters: ['default', new ClosingReporter()],
  },
});
