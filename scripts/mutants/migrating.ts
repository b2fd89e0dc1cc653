/** G1 and G2 across two stores: what carries a session over, and nothing twice. */
import type { Mutant } from './mutant.js';

const mover = 'src/stores/migrating/mover.ts';
const moving = 'test/migrating/moving.test.ts';

export const betweenStores: readonly Mutant[] = [
  {
    guarantee: 'G2',
    what: 'the old session ends only at the version that the claim holds',
    file: mover,
    find: 'const left = await this.#from.replace(id, record.version, stubId(id, key), stubOf(id, record), ending);',
    replace: "const left: string | object = (await this.#from.end(id, ending)) ? 'replaced' : 'gone';",
    tests: ['test/migrating/kit.test.ts'],
  },
  {
    guarantee: 'G2',
    what: 'a move that stopped half-way is finished by whoever meets it',
    file: mover,
    find: 'if (found) await this.#arrive(id, key, found.record);',
    replace: '',
    tests: [moving],
  },
  {
    guarantee: 'G2',
    what: 'the last step of a move uses the claim up',
    file: mover,
    find: 'await this.#to.replace(claimId(id, key), record.version, id, record, movedEnding(key, record));',
    replace: 'await this.#to.create(id, record);',
    tests: [moving],
  },
  {
    guarantee: 'G6',
    what: 'a claim belongs to the owner, so that a revocation ends what is on its way',
    file: 'src/stores/migrating/claim.ts',
    find: '  ...record,\n  bytes: Buffer.concat',
    replace: '  version: record.version,\n  idleDeadline: record.idleDeadline,\n  bytes: Buffer.concat',
    tests: [moving],
  },
  {
    guarantee: 'G2',
    what: 'migrating: a claim of a session that is gone is ended',
    file: 'src/stores/migrating/mover.ts',
    find: '    else await this.#to.end(claim, movedEnding(key, record));\n',
    replace: '    else await this.#arrive(id, key, found.record);\n',
    tests: ['test/migrating/moving.test.ts'],
  },
];
