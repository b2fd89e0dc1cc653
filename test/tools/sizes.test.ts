import { expect, test } from 'vitest';
import { run, tree } from './broken.js';

const lines = (count: number, head = ''): string => head + 'export {};\n'.repeat(count);

test('a file of more than 300 lines fails, and is named', () => {
  const { code, said } = run('check-sizes', tree({ 'src/long.ts': lines(301), 'src/short.ts': lines(300) }));
  expect(code).toBe(1);
  expect(said).toContain('src/long.ts has 301 lines');
  expect(said).not.toContain('short');
});

test('a reason in its head comment lets it pass; an empty reason, or one further down, does not', () => {
  expect(run('check-sizes', tree({ 'src/long.ts': lines(400, '/**\n * Length: one table.\n */\n') })).code).toBe(0);
  expect(run('check-sizes', tree({ 'src/long.ts': lines(400, '/**\n * Length:\n */\n') })).code).toBe(1);
  expect(run('check-sizes', tree({ 'src/long.ts': lines(400, 'export {};\n/** Length: late. */\n') })).code).toBe(1);
});
