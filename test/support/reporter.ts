/**
 * Ends a run with what was not run, and with one plain line of counts. Prevents: a green run that skipped the browser
 * tests being read as a full one.
 */
import type { Reporter, TestModule } from 'vitest/node';
import { forgetMissing, missing, runVariable } from './needs.js';

export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** A file that could not be collected and an error outside of any test count as failures: they hide tests. */
export function count(modules: readonly Pick<TestModule, 'children' | 'errors'>[], unhandled: number): Counts {
  const counts: Counts = { passed: 0, failed: unhandled, skipped: 0 };
  for (const module of modules) {
    counts.failed += module.errors().length;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === 'passed') counts.passed++;
      else if (state === 'failed') counts.failed++;
      else counts.skipped++;
    }
  }
  return counts;
}

export function closing(counts: Counts, notRun: readonly string[]): string {
  const lines: string[] = [];
  if (notRun.length > 0) {
    const rule = '!'.repeat(100);
    lines.push(rule, 'NOT RUN: this machine lacks what some tests need.', '');
    for (const reason of notRun) lines.push(`  - ${reason}`);
    lines.push(rule, '');
  }
  lines.push(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  return lines.join('\n');
}

export class ClosingReporter implements Reporter {
  onInit(): void {
    process.env[runVariable] = String(process.pid);
    forgetMissing();
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    console.log(`\nNode ${process.versions.node}\n${closing(count(modules, unhandled.length), missing())}`);
    forgetMissing();
  }
}
