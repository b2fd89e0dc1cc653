import { expect, test } from 'vitest';
import { BareRequest, newEngine, tokenOf } from '../../test/support/bare-request.js';
import { FakeClock } from '../../test/support/fake-clock.js';
import { memoryStore } from '../stores/memory.js';
import { revokeSession } from './admin.js';

/** Somebody signed in, and then everything was revoked. */
async function revoked() {
  const clock = new FakeClock();
  const memory = memoryStore({ clock });
  const another = (revokeEverything: boolean) => newEngine(memory, { clock, revokeEverything });
  const engine = another(true);
  const first = await BareRequest.open(engine, undefined);
  const token = tokenOf(await first.answer(({ session }) => session.signIn('ada')));
  if (!token) throw new Error('no token');
  const before = memory.scan().entries.map(({ id }) => id);
  clock.advance(1);
  await (await engine.epoch.loaded()).move('break-in');
  const [moment] = memory.scan().entries.filter(({ id }) => !before.includes(id));
  if (!moment) throw new Error('no record of the moment');
  return { another, token, moment: moment.id };
}

const phaseOf = async (engine: ReturnType<typeof newEngine>, token: string) => {
  const { handle } = await BareRequest.open(engine, token);
  return [handle.phase, handle.endedReason];
};

test('the first requests of a process wait until it is known whether everything was revoked', async () => {
  const { another, token } = await revoked();
  const fresh = another(true);
  // All of them are opened in the turn in which the process begins, before anything can have loaded.
  expect(await Promise.all([phaseOf(fresh, token), phaseOf(fresh, token)])).toEqual([
    ['none', 'break-in'],
    ['none', 'break-in'],
  ]);
  // A process without the option does not ask: this is what tells the two apart.
  expect(await phaseOf(another(false), token)).toEqual(['alive', undefined]);
});

test('the record of the moment is no session that can be revoked, also where the option is off', async () => {
  const { another, token, moment } = await revoked();
  expect(await revokeSession(another(false), moment, 'revoked')).toBe(false);
  expect(await phaseOf(another(true), token)).toEqual(['none', 'break-in']);
});
