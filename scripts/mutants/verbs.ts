/** What the verbs of a request do to one another, and to what other requests store meanwhile. */
import type { Mutant } from './mutant.js';

export const verbs: readonly Mutant[] = [
  {
    guarantee: 'G1',
    what: 'a newer state is taken over only with the merge that belongs to it',
    file: 'src/core/changes.ts',
    find: '    const { session } = handle;\n    const merged =',
    replace: '    const { session } = handle;\n    adopt(this.#parts.config, handle, theirs);\n    const merged =',
    tests: ['test/races/refused.test.ts'],
  },
  {
    guarantee: 'G1',
    what: 'an object under two names is two objects after a merge',
    file: 'src/core/session.ts',
    find: ' || met.has(own)',
    replace: '',
    tests: ['test/races/refused.test.ts'],
  },
  {
    guarantee: 'G1',
    what: 'a merge shares nothing with the session that it is filled into',
    file: 'src/core/changes.ts',
    find: 'const copy = decodeData(this.encode(mine, mine));',
    replace: 'const copy = mine;\n    this.encode(mine, mine);',
    tests: ['test/races/refused.test.ts'],
  },
  {
    guarantee: 'G3',
    what: 'a verb asked for one person is not done to another',
    file: 'src/core/rise.ts',
    find: "if (handle.stored.header.owner !== asked.owner) throw endedError('replaced');",
    replace: 'void asked;',
    tests: ['test/races/one-request.test.ts'],
  },
  {
    guarantee: 'G2',
    what: 'a verb takes its turn when it is called, not when its room is loaded',
    file: 'src/core/verbs.ts',
    find: 'await this.#engine.changes.queued(handle, async () => run(await this.#risen(), asked));',
    replace:
      'const rise = await this.#risen();\n      await this.#engine.changes.queued(handle, () => run(rise, asked));',
    tests: ['test/races/one-request.test.ts'],
  },
  {
    guarantee: 'G1',
    what: 'a sign-in that is refused in the end leaves what another request stored',
    file: 'src/core/sign-in.ts',
    find: 'kept.length === 0) newest = readable(put.found);',
    replace: 'kept.length === 0) newest = handle.stored = readable(put.found);',
    tests: ['test/races/refused.test.ts'],
  },
  {
    guarantee: 'G2',
    what: 'what the store says on the time left is put into no handle that is committed',
    file: 'src/core/admission.ts',
    find: 'const fresh = new SessionHandle(handle.facts, this.#parts.config.clock.now());',
    replace: "const fresh = Object.assign(handle, { fromCache: false, stored: undefined, phase: 'none' as const });",
    tests: ['test/cache/time-left.test.ts'],
  },
  {
    guarantee: 'G2',
    what: 'a verb waits for those before it in its request, whatever id the session has meanwhile',
    file: 'src/core/commit-queue.ts',
    find: '    const ofSession = stored && this.#queues.get(stored.id);',
    replace: '    const ofSession = stored && this.#queues.get(stored.id);\n    if (stored) return ofSession;',
    tests: ['test/races/one-request.test.ts'],
  },
];
