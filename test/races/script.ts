/** Requests of one browser that each do some of all that can be done to a session, in an order of chance, and the laws for what is left. */
import { revokeSession } from '../../src/core/admin.js';
import type { Engine } from '../../src/core/engine.js';
import type { SessionEvent } from '../../src/core/events.js';
import type { SessionHandle } from '../../src/core/handle.js';
import type { SessionId } from '../../src/core/ids.js';
import { memoryStore } from '../../src/stores/memory.js';
import { BareRequest, newEngine, opened, tokenOf } from '../support/bare-request.js';
import { FakeClock } from '../support/fake-clock.js';
import { Random } from '../support/random.js';
import { Stepper } from './stepper.js';

export interface Setting {
  readonly cache: boolean;
  readonly faults: boolean;
  /** Some verbs are not awaited: the response waits for them. */
  readonly loose: boolean;
}

/** A key that must be in a session's data, or must not, once it was stored under this id. */
interface Mark {
  readonly key: string;
  readonly there: boolean;
}

interface Play {
  readonly engine: Engine;
  readonly request: BareRequest;
  readonly handle: SessionHandle;
  readonly key: string;
  /** What this request has changed and not dropped. */
  marks: Mark[];
}

type Verb = (play: Play, random: Random) => Promise<unknown> | undefined;

const people = ['ada', 'bob'];
const put: Verb = ({ request, handle, key, marks }) => {
  request.session[key] = { of: handle.stored?.header.owner };
  marks.push({ key, there: true });
  return undefined;
};

/** Change data, and keep what is there. */
const keeping: Record<string, Verb> = {
  put,
  again: put,
  remove({ request: { session }, key, marks }) {
    const name = `old${key.slice(0, 2)}`;
    if (name in session) marks.push({ key: name, there: false });
    delete session[name];
    return undefined;
  },
  update: ({ request, key }) =>
    request.session.update((data) => {
      data.n = Number(data.n ?? 0) + 1;
      data[key] = 1;
    }),
  save: ({ request }) => request.session.save(),
  maxAge: ({ request }) => void Object.assign(request.session.cookie, { maxAge: 60_000 }),
  identity: ({ request }, random) => void Object.assign(request.session, { userId: random.pick([1, 2]) }),
  reauthenticate: ({ request }) => request.session.reauthenticate(),
  elevate: ({ request }) => request.session.elevate({ scope: 'payments' }),
  credentialChanged: ({ request }) => request.session.credentialChanged(),
};

/** Drop data, by intention. */
const dropping: Record<string, Verb> = {
  reload: ({ request }) => request.session.reload(),
  signIn: ({ request }, random) => request.session.signIn(random.pick(people)),
  signInThatKeeps: ({ request: { session } }, random) =>
    session.signIn(random.pick(people), { keep: Object.keys(session) }),
  pending: ({ request }, random) => request.session.signIn(random.pick(people), { pending: 'mfa' }),
  regenerate: ({ request }) => request.session.regenerate(),
  signOut: ({ request }) => request.session.signOut(),
  destroy: ({ request }) => request.session.destroy(),
  revoke: ({ engine, handle }) => handle.stored && revokeSession(engine, handle.stored.id, 'revoked'),
};

/** Another id is in this one's place, or none, once they have resolved. */
const ending = /^(reauth|elevate|credential|signIn|pending|regenerate|signOut|destroy)/;

/** Plays one script; answers which laws it broke. */
export async function play(seed: number, { cache, faults, loose }: Setting): Promise<string[]> {
  const random = new Random(seed);
  const clock = new FakeClock();
  const memory = memoryStore({ clock });
  const stepper = new Stepper(random, clock, faults ? 0.08 : 0);
  const events: SessionEvent[] = [];
  const engines = [0, 1].map(() =>
    newEngine(stepper.over(memory), { clock, cache, onEvent: (event) => events.push(event) }),
  );
  const verbs = Object.entries(random.chance(0.5) ? keeping : { ...keeping, ...dropping });
  const broken: string[] = [];
  const tokens = new Set<string>();
  const stored: (Mark & { readonly id: SessionId })[] = [];
  const counted: SessionId[] = [];
  const over = new Set<SessionId>();
  let jar: string | undefined;

  const answered = async (engine: Engine, request: BareRequest, handler: () => Promise<void>) => {
    const outcome = await request.answer(handler);
    // As a response does: a token that a verb has stored goes with the error too.
    const cookie = outcome.acked || request.handle.cookie !== 'keep' ? engine.cookieOf(request.handle) : undefined;
    const token = tokenOf({ ...outcome, cookie });
    if (token !== undefined) tokens.add(token);
    if (token !== undefined || cookie === 'clear') jar = token;
    if (token !== undefined && !memory.read(request.handle.stored?.id as SessionId))
      broken.push('a cookie was set for a session that was never stored');
    return outcome;
  };

  async function one(who: string, engine: Engine, safe: boolean, first: string | undefined): Promise<void> {
    await stepper.step();
    const request = await BareRequest.open(engine, first ?? jar, { safe });
    const { handle } = request;
    const it: Play & { key: string } = { engine, request, handle, key: who, marks: [] };
    let left = false;
    const outcome = await answered(engine, request, async () => {
      for (let at = 0; at < 5 && random.chance(0.8); at++) {
        await stepper.step();
        if (handle.phase === 'ended') return;
        it.key = `${who}${at}`;
        const { key, marks } = it;
        const [name, verb] = random.pick(verbs);
        const id = handle.stored?.id;
        const done = () => {
          if (id && ending.test(name)) over.add(id);
          if (name in dropping) it.marks = [];
          const now = handle.stored?.id;
          if (name === 'save' && now && !left && !handle.dropped)
            stored.push(...marks.map((mark) => ({ ...mark, id: now })));
          if (name === 'update' && now) {
            counted.push(now);
            stored.push({ key, there: true, id: now });
          }
        };
        const work = verb(it, random);
        if (!work) continue;
        const settled = work.then(done, (error: { readonly code?: string }) => {
          if (!error.code?.startsWith('ERR_SESSION_')) broken.push(`${name}: ${error}`);
        });
        if (loose && random.chance(0.4)) left = true;
        else await settled;
      }
      await stepper.step();
    });
    const id = handle.stored?.id;
    // Where a verb was not awaited, what was put in beside it may have been dropped with what it replaced.
    if (!outcome.acked || outcome.dropped || left || handle.phase === 'ended') return;
    if (id) stored.push(...it.marks.map((mark) => ({ ...mark, id })));
    else if (it.marks.some(({ there }) => there)) broken.push('an answer went out, and nothing was stored');
  }

  const [engine] = engines as [Engine, Engine];
  if (random.chance(0.7)) {
    const begin = await BareRequest.open(engine, undefined);
    await answered(engine, begin, async () => {
      const owner = random.chance(0.5) ? 'ada' : undefined;
      if (owner) await begin.session.signIn(owner);
      Object.assign(begin.session, { n: 0, oldr0: 1, oldr1: 1, oldr2: 1, first: { of: owner } });
    });
    clock.advance(1);
    for (const it of engines) (await BareRequest.open(it, jar, { safe: true })).handle.released = true;
  }
  const start = jar;
  stepper.started = true;
  let running = 3;
  for (let who = 0; who < 3; who++)
    one(`r${who}`, random.pick(engines), random.chance(0.3), random.chance(0.8) ? start : undefined)
      .catch((error: unknown) => broken.push(String(error)))
      .finally(() => running--);
  if (!(await stepper.run(() => running === 0))) return [...broken, 'a request was never answered'];
  stepper.started = false;

  const reader = newEngine(memory, { clock });
  const alive = new Map<SessionId, Record<string, unknown>>();
  for (const token of tokens) {
    const { handle } = await BareRequest.open(reader, token);
    const data = await opened(reader, token);
    if (!handle.stored || !data) continue;
    const { id, header } = handle.stored;
    alive.set(id, data);
    if (over.has(id)) broken.push('a session that a verb has ended or replaced lives');
    const foreign = Object.values(data).find(
      (value) => Object(value).of !== undefined && Object(value).of !== header.owner && !loose,
    );
    if (foreign) broken.push(`a session of ${header.owner} holds data of ${Object(foreign).of}`);
  }
  const heirs = (id: SessionId): Record<string, unknown> | undefined => {
    const next = events.find((event) => event.type === 'replaced' && event.replacedId === id);
    if (next?.type !== 'replaced') return alive.get(id);
    return /^(reauthentication|elevation|credential-changed|identity)/.test(next.cause) ? heirs(next.id) : undefined;
  };
  for (const { key, there, id } of stored) {
    const data = heirs(id);
    if (data && key in data !== there) broken.push(`${key} was stored and is lost`);
  }
  for (const id of counted) {
    const data = heirs(id);
    const least = counted.filter((other) => heirs(other) === data).length;
    if (data && Number(data.n) < least) broken.push(`${least} increments were told as done, and there are ${data.n}`);
  }
  if (!faults && memory.scan().entries.length > alive.size) broken.push('a session lives whose token nobody has');
  for (const it of engines) await it.close();
  return broken;
}
