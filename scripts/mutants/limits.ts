/** People: at most so many sessions of one, and what holds for them while a secret is rotated. */
import type { Mutant } from './mutant.js';

const of = (name: string): string => `test/people/${name}.test.ts`;
const mutant = (what: string, file: string, find: string, replace: string, tests: readonly string[]): Mutant => ({
  guarantee: 'People',
  what,
  file,
  find,
  replace,
  tests,
});

export const limits: readonly Mutant[] = [
  mutant(
    'rotated: sessions under an older key count against the limit',
    'src/core/sign-in.ts',
    'engine.keyring.all.length > 1',
    'engine.keyring.all.length > 9',
    [of('limits')],
  ),
  mutant(
    'rotated: the oldest make room, under whichever key they began',
    'src/core/admin.ts',
    "for (const { id } of gone) await engine.endSession(id, 'evicted', { owner });",
    '',
    [of('limits')],
  ),
  mutant(
    'rotated: as many as are allowed under an older key alone refuse a sign-in',
    'src/core/sign-in.ts',
    "if (beside === config.maxPerOwner?.limit) throw signInRefused(engine, handle, 'limit');",
    '',
    [of('limits')],
  ),
  mutant(
    'rotated: a revocation meets what a rise moved to the newer key meanwhile',
    'src/core/admin.ts',
    'older.length > 0 ? [newest, ...older, newest] : [newest]',
    '[newest, ...older]',
    [of('revocation')],
  ),
  mutant(
    'limits go to the store with a sign-in',
    'src/core/repository.ts',
    'if (!maxPerOwner || owner.beside === undefined)',
    'if (maxPerOwner)',
    [of('limits')],
  ),
  mutant(
    'a new token for the same session is not one more',
    'src/core/repository.ts',
    'if (!maxPerOwner || owner.beside === undefined)',
    'if (!maxPerOwner)',
    [of('limits')],
  ),
  mutant(
    'what is over does not count towards a limit',
    'src/core/admin.ts',
    "      else if (engine.repository.isOver(found.stored)) await engine.endSession(id, 'expired', { owner });\n",
    '',
    [of('limits')],
  ),
  mutant(
    'what is over is looked for before a live session is evicted',
    'src/core/repository.ts',
    "owner.evicts ? maxPerOwner.onExceed : 'reject';",
    'maxPerOwner.onExceed;',
    [of('limits')],
  ),
];
