/** The cache: what keeps an answer from memory true. */
import type { Mutant } from './mutant.js';

const model = 'test/cache/model.test.ts';
const cacheLaws = 'src/core/cache.test.ts';
const noticeLaws = 'src/core/notices.test.ts';
const apps = 'test/cache/apps.test.ts';

const cache = 'src/core/cache.ts';
const notices = 'src/core/notices.ts';

export const coherentCache: readonly Mutant[] = [
  {
    guarantee: 'G6',
    what: 'cache: the lease is checked when an entry is used',
    file: cache,
    find: '    else if (!this.#notices.isFresh(now, monotonic)) asked.lapsed++;\n',
    replace: '',
    tests: [model],
  },
  {
    guarantee: 'G6',
    what: 'cache: the lease goes by the monotonic clock, which nobody sets',
    file: notices,
    find: 'monotonic - this.#beatAt <= leaseMs && wallAge >= 0',
    replace: 'monotonic > Number.NEGATIVE_INFINITY && wallAge >= 0',
    tests: [noticeLaws],
  },
  {
    guarantee: 'G6',
    what: 'cache: the lease goes by the wall clock, which runs while a machine sleeps',
    file: notices,
    find: ' && wallAge >= 0 && wallAge <= leaseMs;',
    replace: ' && (wallAge >= 0 || wallAge < 0);',
    tests: [model],
  },
  {
    guarantee: 'G6',
    what: 'cache: a wall clock that was set back ends the lease',
    file: notices,
    find: 'wallAge >= 0 && wallAge <= leaseMs;',
    replace: 'wallAge <= leaseMs;',
    tests: [noticeLaws],
  },
  {
    guarantee: 'G6',
    what: 'cache: the lease runs from the send time of a beat, not from its answer',
    file: notices,
    find: '      this.#beatAt = monotonic;\n      this.#beatWallAt = now;',
    replace: '      this.#beatAt = this.#clock.monotonic();\n      this.#beatWallAt = this.#clock.now();',
    tests: [noticeLaws],
  },
  {
    guarantee: 'G6',
    what: 'cache: a read that a notice overtook is not kept',
    file: cache,
    find: '    if (read.overtaken) {\n      this.#overtaken++;\n      return;\n    }',
    replace: '    if (read.overtaken) this.#overtaken++;',
    tests: [model],
  },
  {
    guarantee: 'G6',
    what: 'cache: a notice ends what was confirmed',
    file: cache,
    find: '    if (kept) kept.confirmedIn = never;',
    replace: '    void kept;',
    tests: [model],
  },
  {
    guarantee: 'G6',
    what: 'cache: lost notices end everything that was confirmed',
    file: cache,
    find: '    this.#epoch++;',
    replace: '',
    tests: [model],
  },
  {
    guarantee: 'G6',
    what: 'cache: what this process wrote is not taken for confirmed',
    file: cache,
    find: '    if (!this.#byId.has(stored.id)) return;\n    this.#put(stored);',
    replace: '    if (!this.#byId.has(stored.id)) return;\n    this.#put(stored).confirmedIn = this.#epoch;',
    tests: [model],
  },
  {
    guarantee: 'G6',
    what: 'cache: unsafe requests ask the store',
    file: 'src/core/admission.ts',
    find: '    if (safe && cache.vouches(',
    replace: '    if (cache.vouches(',
    tests: [model],
  },
  {
    guarantee: 'G6',
    what: 'cache: unsafe requests share no read',
    file: 'src/core/lookups.ts',
    find: '    if (!safe || !this.#cache.on)',
    replace: '    if (!this.#cache.on)',
    tests: [model],
  },
  {
    guarantee: 'G6',
    what: 'cache: a change of the browser is seen on every instance, by its tag',
    file: cache,
    find: '    else if (tag !== undefined && tag !== kept.tag) asked.tagged++;\n',
    replace: '',
    tests: [model, apps],
  },
  {
    guarantee: 'G6',
    what: 'cache: a tag counts as seen only for a read that was begun on its account',
    file: cache,
    find: '    if (read.tag) kept.tag = read.tag;',
    replace: '    kept.tag = read.tag ?? kept.tag;\n    if (read.tag === undefined) kept.tag = undefined;',
    also: [
      {
        find: 'tag !== undefined && tag !== kept.tag',
        replace: 'tag !== undefined && kept.tag !== undefined && tag !== kept.tag',
      },
    ],
    tests: [cacheLaws],
  },
  {
    guarantee: 'G6',
    what: 'cache: a tag shares no read from before it',
    file: 'src/core/reads-under-way.ts',
    find: ' || (tag !== undefined && tag !== read.tag)) return undefined;',
    replace: ') return undefined;',
    tests: [model],
  },
  {
    guarantee: 'G6',
    what: 'cache: a read that is too old is not shared',
    file: 'src/core/reads-under-way.ts',
    find: '    if (this.#clock.monotonic() - read.sentAt > leaseMs || wallAge < 0 || wallAge > leaseMs) return undefined;\n',
    replace: '    void wallAge;\n',
    tests: [cacheLaws],
  },
  {
    guarantee: 'G6',
    what: 'cache: a link that fails is no error of the request',
    file: 'src/core/lookups.ts',
    find: 'once(() => this.#answered(read, found)), instead);',
    replace: 'once(() => this.#answered(read, found)), (error) => reject(error));',
    tests: [model],
  },
  {
    guarantee: 'G6',
    what: 'cache: a link that hangs is not waited for',
    file: 'src/core/lookups.ts',
    find: '      const cancel = this.#clock.after(this.#patienceMs, instead);',
    replace: '      const cancel = (): void => undefined;',
    tests: [model],
  },
  {
    guarantee: 'G8',
    what: 'cache: an idle deadline that is past is for the store to judge',
    file: cache,
    find: '    else if (now >= kept.until) asked.expired++;\n',
    replace: '',
    tests: [cacheLaws],
  },
  {
    guarantee: 'G12',
    what: 'cache: opened sessions are bounded by count',
    file: cache,
    find: 'this.#byId.size > maxSessions || ',
    replace: '',
    tests: [cacheLaws],
  },
  {
    guarantee: 'G12',
    what: 'cache: opened sessions are bounded by bytes',
    file: cache,
    find: ' || this.#bytes > maxBytes',
    replace: '',
    tests: [cacheLaws],
  },
];
