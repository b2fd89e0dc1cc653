/** G10: bad input is boring. */
import { guaranteeTest, type Mutant } from './mutant.js';

const cookies = guaranteeTest('g10-cookies');
const options = guaranteeTest('g10-options');
const records = guaranteeTest('g10-records');
const poisoned = guaranteeTest('g10-poisoned');

export const badInput: readonly Mutant[] = [
  {
    guarantee: 'G10',
    what: 'a deadline lets in what arrived while the process stood still',
    file: 'src/core/clock.ts',
    find: '        turn = setImmediate(run);',
    replace: '        run();',
    tests: ['src/core/clock.test.ts'],
  },
  {
    guarantee: 'G10',
    what: 'a sweep that takes long shuts nobody out',
    file: 'src/core/store-guard.ts',
    find: 'return this.#run(operation, run, this.deadline(), false);',
    replace: 'return this.#run(operation, run, this.deadline(), true);',
    tests: ['src/core/store-guard.test.ts'],
  },
  {
    guarantee: 'G10',
    what: 'only SP and HTAB are blanks in a Cookie header',
    file: 'src/http/cookie.ts',
    find: '  return code === 0x20 || code === 0x09;',
    replace: '  return code === 0x20 || code === 0x09 || code === 0xa0 || code === 0x85;',
    tests: [cookies],
  },
  {
    guarantee: 'G10',
    what: "a cookie's name is compared from its first character",
    file: 'src/http/cookie.ts',
    find: '  return before < 0 || header.charCodeAt(before) === 0x3b;',
    replace: '  return before < header.length;',
    tests: [cookies],
  },
  {
    guarantee: 'G10',
    what: 'two tokens that hold are nobody',
    file: 'src/core/admission.ts',
    find: '      } else if (chosen) {',
    replace: "      } else if (chosen && chosenText === '') {",
    tests: [cookies],
  },
  {
    guarantee: 'G10',
    what: 'a deadline that is no number is refused',
    file: 'src/core/repository.ts',
    find: '!Number.isFinite(found.idleDeadline) || ',
    replace: '',
    tests: [records],
  },
  {
    guarantee: 'G10',
    what: 'an answer that is no object is refused',
    file: 'src/core/repository.ts',
    find: "    if (typeof found !== 'object') return malformed;",
    replace: '',
    tests: [records],
  },
  {
    guarantee: 'G10',
    what: 'a record that is too short is refused before it is cut up',
    file: 'src/core/seal.ts',
    find: 'bytes.length < sealOverhead || ',
    replace: '',
    tests: [records],
  },
  {
    guarantee: 'G10',
    what: 'a __proto__ key can not be set on a session',
    file: 'src/core/session.ts',
    find: "[...reservedNames, '__proto__']",
    replace: '[...reservedNames]',
    tests: [records, options],
  },
  {
    guarantee: 'G10',
    what: 'an unknown option is refused',
    file: 'src/core/options.ts',
    find: '    if (!known.includes(name)) {',
    replace: '    if (known.length === 0) {',
    tests: [options],
  },
  {
    guarantee: 'G10',
    what: 'null is no option',
    file: 'src/core/options.ts',
    find: '    if (option === null) {',
    replace: '    if (option === known) {',
    tests: [options],
  },
  {
    guarantee: 'G11',
    what: 'a secret in the place of the options is not shown',
    file: 'src/core/options.ts',
    find: "its text is not shown.\n    const received = typeof value === 'string' ? 'a string' : describe(value);",
    replace: '\n    const received = describe(value);',
    tests: [options],
  },
  {
    guarantee: 'G10',
    what: "somebody's text under an id is nobody, not a newer format",
    file: 'src/core/seal.ts',
    find: "(bytes[0] as number) > highestFormat ? 'malformed' : 'newer-format'",
    replace: "'newer-format'",
    tests: [poisoned],
  },
  {
    guarantee: 'G10',
    what: 'lmdb: a value that is cut short is known for damaged before its numbers are read',
    file: 'src/stores/lmdb/layout.ts',
    find: 'return form > highestForm || value.length < markerHead || (form === recordForm && !isWhole(value));',
    replace: 'return form > highestForm;',
    tests: ['test/lmdb/damaged.test.ts'],
  },
];
