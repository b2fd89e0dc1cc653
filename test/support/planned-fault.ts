/** Waiting for a planned fault, and letting time pass until the store's deadline, without a moment of real time. */
import type { Behaviour, FaultyStore, MethodName } from '../../src/stores/conformance/faulty.js';
import { deferred } from './deferred.js';
import type { FakeClock } from './fake-clock.js';
import type { FullStore } from './stores.js';

export const storeDeadlineMs = 2_000;
export const probeEveryMs = 250;

/** Every way in which one call can go wrong. */
export const behaviours: readonly Behaviour[] = [
  'reject',
  'hang',
  'lose-reply',
  'apply-and-hang',
  'delay-call',
  'delay-reply',
];

/** Those in which the change was never made. */
export const notApplied: ReadonlySet<Behaviour> = new Set(['reject', 'hang']);

/** Plans the fault for the next call of the method; the answer resolves when that call is under way. */
export function planFault(
  faulty: FaultyStore<FullStore>,
  method: MethodName<FullStore>,
  behaviour: Behaviour,
): Promise<void> {
  const reached = deferred();
  faulty.before(method, () => reached.resolve());
  faulty.on(method, behaviour, { times: 1 });
  return reached.promise;
}

/** Lets the deadline of a call that is under way pass, if it is one that is not answered. */
export async function passDeadline(reached: Promise<void>, behaviour: Behaviour, clock: FakeClock): Promise<void> {
  await reached;
  if (behaviour !== 'reject' && behaviour !== 'lose-reply') clock.advance(storeDeadlineMs);
}
