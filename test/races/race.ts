/** One race: A is stopped at a store call, B runs whole, A goes on; and the laws that hold whatever they did. */
import type { Engine } from '../../src/core/engine.js';
import { isEnded } from '../../src/core/store.js';
import { memoryStore } from '../../src/stores/memory.js';
import { BareRequest, newEngine, type Outcome, opened, tokenOf } from '../support/bare-request.js';
import { FakeClock } from '../support/fake-clock.js';
import { type Side, StoppableStore } from '../support/stoppable-store.js';
import { beginning, idleMs, type Name, NotRevoked, owner, type Verb } from './verbs.js';

export interface Setting {
  /** The store answers by promise. */
  readonly later: boolean;
  /** A and B are served by different processes, as far as anything in memory goes. */
  readonly apart: boolean;
  /** Both requests are GETs. */
  readonly safe: boolean;
}

/** Where A stops: a number of a store call and its side, or `'never'`: B comes when A has been answered. */
export type Stop = readonly [call: number, side: Side] | 'never';

/** Everything that can go on without the stopped call has gone on: there is nothing but microtasks in these stores. */
const quiet = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Answers how many store calls A made, and what law was broken, if any. */
export async function race(a: Verb, b: Verb, stop: Stop, { later, apart, safe }: Setting) {
  const clock = new FakeClock();
  const memory = memoryStore({ clock });
  const first = new StoppableStore(memory, { later });
  const engineA = newEngine(first.store, { clock, idle: `${idleMs}ms` });
  const engineB = apart
    ? newEngine(new StoppableStore(memory, { later }).store, { clock, idle: `${idleMs}ms` })
    : engineA;

  const start = await begun(engineA);
  const requestA = await BareRequest.open(engineA, start, { safe });
  const requestB = await BareRequest.open(engineB, start, { safe });
  const { id } = requestA.session;

  if (stop === 'never') first.watchFrom();
  else first.stopAt(...stop);
  const answerA = answered(requestA, a, 'A', { engine: engineA, clock });
  await quiet();
  const calls = first.calls.length;
  const answerB = answered(requestB, b, 'B', { engine: engineB, clock });
  await quiet();
  first.go();
  await quiet();
  const [outcomeA, outcomeB] = await Promise.all([answerA, answerB]);
  await quiet();

  const parties: readonly Party[] = [
    { who: 'A', verb: a, outcome: outcomeA },
    { who: 'B', verb: b, outcome: outcomeB },
  ];
  const marker = memory.read(id);
  const reason = marker && isEnded(marker) ? marker.ended : undefined;
  const broken = await brokenLaw(engineA, memory, clock, start, reason, parties);
  return { calls, broken };
}

interface Party {
  readonly who: Name;
  readonly verb: Verb;
  readonly outcome: Outcome | 'unanswered';
}

/** A signed-in session, and the token that every party to the race holds. */
export async function begun(engine: Engine): Promise<string> {
  const request = await BareRequest.open(engine, undefined);
  const outcome = await request.answer(async ({ session }) => {
    await session.signIn(owner, { startedAt: engine.config.clock.now() });
    Object.assign(session, beginning());
  });
  const token = tokenOf(outcome);
  if (token === undefined) throw new Error('no session to race on');
  return token;
}

function answered(
  request: BareRequest,
  verb: Verb,
  who: Name,
  world: { readonly engine: Engine; readonly clock: FakeClock },
): Promise<Outcome | 'unanswered'> {
  const answer = request
    .answer(() => verb.run(request, who, world))
    .catch((error: unknown) => {
      if (error instanceof NotRevoked)
        return { acked: false, code: 'ERR_SESSION_ENDED', cookie: undefined, dropped: false };
      throw error;
    });
  // Nothing in a race takes time, so what is not answered after all of it never will be.
  return Promise.race([answer, turns(20).then(() => 'unanswered' as const)]);
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await quiet();
}

async function brokenLaw(
  engine: Engine,
  store: ReturnType<typeof memoryStore>,
  clock: FakeClock,
  start: string,
  reason: string | undefined,
  parties: readonly Party[],
): Promise<string | undefined> {
  const live = new Map<string, Record<string, unknown>>();
  for (const token of new Set([start, ...parties.flatMap(({ outcome }) => given(outcome))])) {
    const data = await opened(engine, token);
    if (data) live.set(token, data);
  }
  const shown = () => JSON.stringify([...live.values()]);

  for (const { who, verb, outcome } of parties) {
    if (outcome === 'unanswered') return `${who} was never answered`;
    const other = parties.find((party) => party.who !== who) as Party;
    const otherAcked = other.outcome !== 'unanswered' && other.outcome.acked;
    const { acked, code, cookie, dropped } = outcome;
    if (!acked) {
      if (!['ERR_SESSION_ENDED', 'ERR_SESSION_BARRED'].includes(code ?? '')) return `${who} failed with ${code}`;
      continue;
    }
    if ((verb.ends || verb.replaces) && !dropped && live.has(start))
      return `${who} ended the session, and its token still opens it`;
    if (verb.ends && !isAdmin(verb) && reason === 'replaced')
      return `${who} was told that the session is over, but it goes on as another`;
    if (verb.name === 'revoke' && reason === 'replaced') return `${who} revoked a session that goes on as another`;
    if (!verb.ends && !verb.replaces && cookie !== undefined) return `${who} touched the cookie without a reason`;
    if (verb.ends && cookie !== undefined && cookie !== 'clear') return `${who} set the cookie of an ended session`;
    if (verb.replaces && !dropped && tokenOf(outcome) === undefined)
      return `${who} replaced the session without a new token`;
    if (verb.ends && !other.verb.fresh && live.size > 0) return `${who} ended the session, and it lives: ${shown()}`;
    if (!verb.mark || dropped) continue;
    // Where the credential has changed, a session that replaced the old one meanwhile is among those that end.
    if (other.verb.revokes && verb.replaces) continue;
    // Where the other request discards data by intention, or a sign-in found its session gone, nothing is promised.
    if (
      otherAcked &&
      (other.verb.discards || (verb.fresh && other.verb.replaces) || (other.verb.fresh && verb.replaces))
    )
      continue;
    const { mark } = verb;
    if (![...live.values()].some((data) => mark(data as never, who)))
      return `${who}'s acknowledged change is lost: ${shown()}`;
  }
  const counted = parties.filter(
    ({ verb, outcome }) =>
      outcome !== 'unanswered' && outcome.acked && !outcome.dropped && verb.name.includes('update'),
  );
  if (live.size > 0 && parties.every(({ verb }) => !verb.discards) && !parties.some(({ verb }) => verb.fresh)) {
    const n = [...live.values()].map((data) => data.n);
    if (!n.every((count) => Number(count) >= counted.length))
      return `${counted.length} increments were acknowledged: ${shown()}`;
  }
  const { entries } = store.scan();
  const alive = entries.filter(({ record }) => record.idleDeadline > clock.now()).length;
  if (alive !== live.size) return `${alive} sessions live in the store, and ${live.size} of them can be opened`;
  return undefined;
}

const isAdmin = (verb: Verb) => verb.name.startsWith('revoke') || verb.name === 'expiry';

function given(outcome: Party['outcome']): string[] {
  const token = outcome === 'unanswered' ? undefined : tokenOf(outcome);
  return token === undefined ? [] : [token];
}
