/** G6: revocation arrives. G7: a stolen store is useless. */
import { guaranteeTest, type Mutant } from './mutant.js';

const revocation = guaranteeTest('g06-revocation');
const signals = guaranteeTest('g06-signals');
const stolen = guaranteeTest('g07-stolen-store');

export const revocationAndSeal: readonly Mutant[] = [
  {
    guarantee: 'G6',
    what: 'the marker of an ended session is heeded',
    file: 'src/stores/memory.ts',
    find: '    this.#shelf.drop(id, session);\n    keepLast(this.#markers',
    replace: '    keepLast(this.#markers',
    tests: [revocation],
  },
  {
    guarantee: 'G6',
    what: 'lmdb: a value of a newer release is ended with all of its owner',
    file: 'src/stores/lmdb/ledger.ts',
    find: '    else if (!isMarker(found)) this.#endUnread(id, found, ending);\n',
    replace: '    else if (isDamaged(found)) this.#endUnread(id, found, ending);\n',
    tests: ['test/lmdb/opening.test.ts'],
  },
  {
    guarantee: 'G6',
    what: 'lmdb reads on a fresh snapshot',
    file: 'src/stores/lmdb.ts',
    find: '    this.#tables.root.resetReadTxn();',
    replace: '',
    tests: [revocation],
  },
  {
    guarantee: 'G6',
    what: 'a sign-in from before the revocation is barred',
    file: 'src/stores/memory.ts',
    find: "    if (mark && owning.startedAt <= mark.at && owning.now < mark.keepUntil) return 'barred';",
    replace: '',
    tests: [revocation],
  },
  {
    guarantee: 'G6',
    what: 'revoking all spares the one that is excepted',
    file: 'src/core/admin.ts',
    find: 'except === undefined ? {} : { except }',
    replace: '{}',
    tests: [revocation],
  },
  {
    guarantee: 'G6',
    what: 'the signal aborts',
    file: 'src/core/signals.ts',
    find: '      handle.abort?.abort(endedError(reason));',
    replace: '',
    tests: [signals],
  },
  {
    guarantee: 'G6',
    what: 'sessions are asked after where the store does not push',
    file: 'src/core/signals.ts',
    find: '        if (!told || now >= until) void this.#check(id);',
    replace: '',
    tests: [signals],
  },
  {
    guarantee: 'G6',
    what: 'a signal goes on with the session that its request began',
    file: 'src/core/changes.ts',
    find: '    this.#parts.signals.follow(handle, stored.id);',
    replace: '',
    tests: [signals],
  },
  {
    guarantee: 'G6',
    what: 'the others are told when a request replaces the session',
    file: 'src/core/changes.ts',
    find: "    this.#parts.signals.ended(before.id, 'replaced');",
    replace: '',
    tests: [signals],
  },

  {
    guarantee: 'G7',
    what: 'the record is encrypted',
    file: 'src/core/seal.ts',
    find: '    sealing.update(plaintext).copy(out, textAt);',
    replace: '    sealing.update(plaintext); out.set(plaintext, textAt);',
    also: [
      {
        find: '      const plaintext = opening.update(bytes.subarray(textAt, end));',
        replace: '      const plaintext = Buffer.from(bytes.subarray(textAt, end));',
      },
      { find: '        opening.final();', replace: '' },
    ],
    tests: [stolen],
  },
  {
    guarantee: 'G7',
    what: 'the record is authenticated',
    file: 'src/core/seal.ts',
    find: '        opening.final();',
    replace: '',
    tests: [stolen],
  },
  {
    guarantee: 'G7',
    what: 'the audience is in the associated data',
    file: 'src/core/seal.ts',
    find: ' name, this.#audience])',
    replace: ' name])',
    tests: [stolen],
  },
  {
    guarantee: 'G7',
    what: 'the id is in the key and in the associated data',
    file: 'src/core/seal.ts',
    find: ' name, this.#audience])',
    replace: ' this.#audience])',
    also: [
      { find: ".update('holdfast/record/v1').update(id).digest()", replace: ".update('holdfast/record/v1').digest()" },
    ],
    tests: [stolen],
  },
  {
    guarantee: 'G7',
    what: "the token's secret is compared with the record",
    file: 'src/core/policy.ts',
    find: "  if (timingSafeEqual(hash, header.secretHash)) return 'current';",
    replace: "  return 'current';",
    tests: [stolen],
  },
  {
    guarantee: 'G7',
    what: 'the secret is hashed, not kept',
    file: 'src/core/token.ts',
    find: "  return createHash('sha256').update('holdfast/secret/v1').update(secret).digest();",
    replace: '  return Buffer.from(secret);',
    tests: [stolen],
  },
  {
    guarantee: 'G7',
    what: 'the owner is hashed under a key',
    file: 'src/core/token.ts',
    find: "  return digest.toString('base64url', 0, idBytes) as OwnerHash;",
    replace: "  return (digest && Buffer.from(owner).toString('base64url').padEnd(27, 'A')) as OwnerHash;",
    tests: [stolen],
  },
  {
    guarantee: 'G7',
    what: 'the audience is in the MAC of a token',
    file: 'src/core/token.ts',
    find: '    const name = Buffer.from(audience);\n    const length = Buffer.alloc(2);\n    length.writeUInt16BE(name.length);\n    this.#prefix',
    replace:
      "    const name = Buffer.from('');\n    const length = Buffer.alloc(2);\n    void audience;\n    this.#prefix",
    tests: [stolen],
  },
];
