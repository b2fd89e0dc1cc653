/** G11: secrets stay out of sight. G12: memory is bounded. */
import { guaranteeTest, type Mutant } from './mutant.js';

const signals = guaranteeTest('g06-signals');
const secrets = guaranteeTest('g11-secrets');
const memory = guaranteeTest('g12-memory');

export const outputAndMemory: readonly Mutant[] = [
  {
    guarantee: 'G11',
    what: 'a handle that is printed shows no secret',
    file: 'src/core/handle.ts',
    find: '  [inspect.custom](): ',
    replace: '  printed(): ',
    tests: [secrets],
  },
  {
    guarantee: 'G11',
    what: 'events carry no token',
    file: 'src/core/engine.ts',
    find: "this.events.emit({ type: 'renewed', id: stored.id });",
    replace: "this.events.emit({ type: 'renewed', id: stored.id, secret } as never);",
    tests: [secrets],
  },
  {
    guarantee: 'G11',
    what: 'the session keeps its handle to itself',
    file: 'src/core/session.ts',
    find: '    this.#handle = handle;',
    replace: "    this.#handle = handle;\n    Object.defineProperty(this, 'handle', { value: { ...handle } });",
    tests: [secrets],
  },
  {
    guarantee: 'G11',
    what: 'an error quotes no long text that it was given',
    file: 'src/core/errors.ts',
    find: 'return value.length <= 40 ? JSON.stringify(value)',
    replace: 'return value.length <= 400 ? JSON.stringify(value)',
    tests: [secrets],
  },

  {
    guarantee: 'G12',
    what: 'a commit leaves the queue when it is done',
    file: 'src/core/commit-queue.ts',
    find: 'if (id !== undefined && this.#queues.get(id) === mine) this.#queues.delete(id);',
    replace: '',
    tests: [memory],
  },
  {
    guarantee: 'G12',
    what: 'a response that is over lets go of its signal',
    file: 'src/core/engine.ts',
    find: '    if (handle.abort) this.signals.release(handle);',
    replace: '',
    tests: [memory, signals],
  },
  {
    guarantee: 'G12',
    what: 'after the response nothing is watched for it any more',
    file: 'src/core/engine.ts',
    find: '    handle.released = true;',
    replace: '',
    tests: [memory],
  },
  {
    guarantee: 'G12',
    what: 'a cookie header gives at most 8 values',
    file: 'src/http/cookie.ts',
    find: '    else if (values.push(value) === maxValues) break;',
    replace: '    else values.push(value);',
    tests: [memory],
  },
  {
    guarantee: 'G12',
    what: 'the memory store forgets its oldest markers',
    file: 'src/stores/memory.ts',
    find: '    if (kept.size < most) break;',
    replace: '    if (kept.size >= 0 || most) break;',
    tests: [memory],
  },
  {
    guarantee: 'G12',
    what: 'the memory store makes room before it takes more',
    file: 'src/stores/memory/shelf.ts',
    find: '    if (fits()) return;\n    this.#dropExpired(keep);',
    replace: '    if (fits() || keep === undefined) return;\n    this.#dropExpired(keep);',
    tests: [memory],
  },
  {
    guarantee: 'G12',
    what: 'a sweep of the memory store finds what was used since it was filed',
    file: 'src/stores/memory/shelf.ts',
    find: '        if (session.idleDeadline > now || id === keep) this.#file(id, session);',
    replace: '        if (session.idleDeadline > now || id === keep) this.#unfile(id, session);',
    tests: ['src/stores/memory-bounds.test.ts'],
  },
  {
    guarantee: 'G12',
    what: 'data has a size limit',
    file: 'src/core/stored-data.ts',
    find: '  return encodeData(session instanceof Session ? dataOf(session) : session, { maxBytes });',
    replace:
      '  return encodeData(session instanceof Session ? dataOf(session) : session, { maxBytes: maxBytes * 1_000 });',
    tests: [memory],
  },
  {
    guarantee: 'G12',
    what: 'what is remembered of a session keeps no memory of others: its sealed bytes',
    file: 'src/core/seal.ts',
    find: 'Buffer.allocUnsafeSlow(plaintext.length + sealOverhead)',
    replace: 'Buffer.allocUnsafe(plaintext.length + sealOverhead)',
    tests: ['src/core/seal.test.ts'],
  },
  {
    guarantee: 'G12',
    what: 'what is remembered of a session keeps no memory of others: what its key is bound to',
    file: 'src/core/seal.ts',
    find: 'new Uint8Array(Buffer.concat([head, name, this.#audience]))',
    replace: 'Buffer.concat([head, name, this.#audience])',
    tests: ['src/core/seal.test.ts'],
  },
  {
    guarantee: 'G12',
    what: 'what is remembered of a session keeps no memory of others: its data',
    file: 'src/core/record.ts',
    find: 'Buffer.allocUnsafeSlow(dataAt + size)',
    replace: 'Buffer.allocUnsafe(dataAt + size)',
    tests: ['src/core/record.test.ts'],
  },
];
