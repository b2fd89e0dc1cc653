/** The mechanisms of HoldfastStore. */
import type { Mutant } from './mutant.js';

const store = 'test/express-session/store.test.ts';
const hazards = 'test/express-session/hazards.test.ts';
const owners = 'test/express-session/owners.test.ts';
const hostile = 'test/express-session/hostile.test.ts';
const turns = 'src/express-session/turns.test.ts';

export const expressSession: readonly Mutant[] = [
  {
    guarantee: 'G8',
    what: 'express-session: the cookie says how long its session lives, not the idle limit of the others',
    file: 'src/core/policy.ts',
    find: 'limits.ownIdleLeads && ownIdle ? idleMs : limits.idleMs',
    replace: 'limits.idleMs',
    tests: [store],
  },
  {
    guarantee: 'G1',
    what: 'express-session: a save is merged with what others have stored',
    file: 'src/express-session/sessions.ts',
    find: 'if (now.data === base.seen.data) return',
    replace: 'if (now) return',
    tests: [store, hazards],
  },
  {
    guarantee: 'G1',
    what: 'express-session: what a request loaded stays with the object that express-session makes of it',
    file: 'src/express-session/sessions.ts',
    find: 'if (base) this.#bases.set(made, base);',
    replace: '',
    tests: [store, hazards],
  },
  {
    guarantee: 'G1',
    what: 'express-session: a second save is compared with what its own request saw, not with what is stored',
    file: 'src/express-session/sessions.ts',
    find: '{ ...base, seen: draft, kept }',
    replace: '{ ...base, seen: kept.texts, kept }',
    tests: [store],
  },
  {
    guarantee: 'G2',
    what: 'express-session: a save of a session that is gone is refused',
    file: 'src/express-session/sessions.ts',
    find: 'if (!kept) return this.#endedMeanwhile(ids, session, deadline);',
    replace: 'if (!kept) return;',
    tests: [store, hazards],
  },
  {
    guarantee: 'G2',
    what: 'express-session: an ending waits for a creation under way',
    file: 'src/express-session/turns.ts',
    find: 'const mine = known ? known.last.then(inTurn, inTurn) : inTurn();',
    replace: 'const mine = inTurn();',
    tests: [store, turns],
  },
  {
    guarantee: 'G2',
    what: 'express-session: a session ends under every key of the ring',
    file: 'src/express-session/sessions.ts',
    find: 'for (const id of ids) any =',
    replace: 'for (const id of ids.slice(0, 1)) any =',
    tests: [store],
  },
  {
    guarantee: 'G3',
    what: 'express-session: an owner does not appear under an id from before',
    file: 'src/express-session/sessions.ts',
    find: 'if (owner !== undefined && owner !== had) throw',
    replace: 'if (owner === had && had !== owner) throw',
    tests: [owners],
  },
  {
    guarantee: 'G3',
    what: 'express-session: a regenerate that could not end the old session gives a new id all the same',
    file: 'src/express-session/store.ts',
    find: '        this.generate(req);\n        callback(error);',
    replace: '        if (!error) this.generate(req);\n        callback(error);',
    tests: [store],
  },
  {
    guarantee: 'G6',
    what: 'express-session: a sign-in counts from when its request came',
    file: 'src/express-session/requests.ts',
    find: 'return (req && this.#starts.get(req)) ?? this.#clock.now();',
    replace: 'return req ? this.#clock.now() : this.#clock.now();',
    tests: [owners],
  },
  {
    guarantee: 'G7',
    what: 'express-session: the store sees no id of express-session’s',
    file: 'src/express-session/ids.ts',
    find: "return digest.toString('base64url', 0, idBytes) as SessionId;",
    replace: "return (digest && sid.padEnd(27, '-').slice(0, 27)) as SessionId;",
    tests: [hostile],
  },
  {
    guarantee: 'G8',
    what: 'express-session: a shorter maxAge counts although the deadline of the store does not move back',
    file: 'src/express-session/sessions.ts',
    find: 'draft.expiresAt + shortenedByMs ? draft.expiresAt : true',
    replace: 'draft.expiresAt + shortenedByMs ? true : true',
    tests: [store],
  },
  {
    guarantee: 'G10',
    what: 'express-session: what could not be read back is not stored',
    file: 'src/express-session/payload.ts',
    find: "if (!text.includes('__proto__') && ",
    replace: "if (text || !text.includes('__proto__') && ",
    tests: [store],
  },
  {
    guarantee: 'G10',
    what: 'express-session: an error reaches the callback and is not thrown at the caller',
    file: 'src/express-session/store.ts',
    find: 'const promise = (async () => run())();',
    replace: 'const promise = run();',
    tests: [store],
  },
  {
    guarantee: 'G12',
    what: 'express-session: a queue goes when its calls are done',
    file: 'src/express-session/turns.ts',
    find: 'void (queue.last === mine && this.#queues.delete(id))',
    replace: 'void (queue.last === mine)',
    tests: [turns],
  },
];
