import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { mutants } from '../../scripts/mutants/mutants.js';
import { chosenBy, mutated } from '../../scripts/mutants.js';
import { repository } from './broken.js';

test('every mutant can be applied, and the tests that must notice it are there', () => {
  const lost = mutants.filter(({ file, tests, ...mutant }) => {
    const path = join(repository, file);
    const applies = existsSync(path) && mutated(readFileSync(path, 'utf8'), mutant) !== undefined;
    return !applies || tests.length === 0 || !tests.every((each) => existsSync(join(repository, each)));
  });
  expect(lost.map(({ guarantee, what }) => `${guarantee} ${what}`)).toEqual([]);
});

test('what is not understood starts no run', () => {
  for (const args of [
    ['--help'],
    ['help'],
    ['G3'],
    ['--only'],
    ['--only', ''],
    ['--only', 'G3', 'G4'],
    ['--list', 'G3'],
  ]) {
    expect(chosenBy(args), args.join(' ')).toBe('usage');
  }
  expect(chosenBy(['--list'])).toBe('list');
  expect(chosenBy([])).toEqual(mutants);
  const some = chosenBy(['--only', 'G3']);
  expect(some.length).toBeGreaterThan(0);
  expect(some).toEqual(mutants.filter(({ guarantee }) => guarantee === 'G3'));
});
