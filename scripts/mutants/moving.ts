/** The mechanisms by which sessions of express-session are taken over. */
import type { Mutant } from './mutant.js';

const legacy = 'src/express-session/legacy/legacy.ts';
const cookie = 'src/express-session/legacy/cookie.ts';
const markers = 'src/express-session/legacy/markers.ts';
const tests = ['test/moving/moving.test.ts'];

export const takenOver: readonly Mutant[] = [
  {
    guarantee: 'G6',
    what: 'moving: a revocation of their owner keeps out what was not taken over yet, for as long as anything is',
    file: 'src/express-session/legacy/face.ts',
    find: 'engine.repository.ownersBarredForMs = from.keepForMs;',
    replace: '',
    tests: ['test/moving/moving.test.ts'],
  },
  {
    guarantee: 'G2',
    what: 'moving: the old record goes before a session of ours ends or gives way',
    file: 'src/core/predecessor.ts',
    find: 'await (await predecessor?.())?.release(handle.stored?.header.movedFrom, handle.oldSid);',
    replace: 'void [predecessor, handle];',
    tests,
  },
  {
    guarantee: 'G2',
    what: 'moving: a marker forbids to take over twice',
    file: markers,
    find: 'return at === now || now - at <',
    replace: 'return at !== undefined || now - at <',
    tests,
  },
  {
    guarantee: 'G2',
    what: 'moving: a session that is let go of untaken is marked too',
    file: legacy,
    find: 'await this.#markers.close(this.#namesOf(sid));',
    replace: '',
    tests,
  },
  {
    guarantee: 'G2',
    what: 'moving: the old store is looked at once more after ours began',
    file: legacy,
    find: 'if (!(await this.#old.get(sid))) {',
    replace: 'if (id === undefined) {',
    tests,
  },
  {
    guarantee: 'G2',
    what: 'moving: the old cookie goes with its session',
    file: cookie,
    find: "if (cookie === 'keep' || (cookie === 'set' && begun)) return undefined;",
    replace: 'if (begun || name) return undefined;',
    tests,
  },
  {
    guarantee: 'G3',
    what: 'moving: a session that was taken over is no new token for a rise in the same request',
    file: legacy,
    find: 'handle.wrote = true;',
    replace: 'handle.wrote = true;\n    handle.replacedHere = true;',
    tests,
  },
  {
    guarantee: 'G4',
    what: 'moving: of those who came together one sets the cookie',
    file: legacy,
    find: 'if (handle.openedAt - stored.header.createdAt >= onePageMs)',
    replace: 'if (isCurrent)',
    tests,
  },
  {
    guarantee: 'G6',
    what: 'moving: who was revoked is not let in by a session that was not taken over yet',
    file: legacy,
    find: 'this.#engine.changes.ownerFields(owner, 1)',
    replace: 'this.#engine.changes.ownerFields(owner)',
    tests,
  },
  {
    guarantee: 'G6',
    what: 'moving: a revocation by id ends the old record',
    file: 'src/core/engine.ts',
    find: 'await (await this.predecessor?.())?.releaseId(id);',
    replace: '',
    tests,
  },
  {
    guarantee: 'G6',
    what: 'moving: a revocation by owner ends the old records',
    file: 'src/core/admin.ts',
    find: 'await (await engine.predecessor?.())?.releaseOwner(hash, except);',
    replace: '',
    tests,
  },
  {
    guarantee: 'G9',
    what: 'moving: a forged old cookie reads nothing',
    file: cookie,
    find: 'return timingSafeEqual(given, Buffer.from(right));',
    replace: 'return given.length === right.length;',
    tests,
  },
  {
    guarantee: 'G10',
    what: 'moving: of two different valid old cookies neither is taken',
    file: cookie,
    find: "if (found !== undefined) return 'ambiguous';",
    replace: '',
    tests,
  },
  {
    guarantee: 'G11',
    what: 'moving: an error of the old store loses the id in its text',
    file: 'src/express-session/legacy/old-store.ts',
    find: ".replaceAll(sid, '(id)')",
    replace: '',
    tests,
  },
];
