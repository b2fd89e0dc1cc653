/** The mechanisms of the MongoDB store: what decides a change of several documents, and what keeps the rest in order. */
import { guaranteeTest, type Mutant } from './mutant.js';

const file = (name: string): string => `src/stores/mongodb/${name}.ts`;
const crashes = 'test/mongodb/crashes.test.ts';
const foreign = 'test/mongodb/foreign.test.ts';
const indexes = 'test/mongodb/indexes.test.ts';
const turns = 'test/mongodb/turns.test.ts';

export const mongodb: readonly Mutant[] = [
  {
    guarantee: 'G1',
    what: 'mongodb: an update names the version that it was made against',
    file: 'src/stores/mongodb.ts',
    find: "{ _id: id, kind: 'session', version: expected }",
    replace: "{ _id: id, kind: 'session' }",
    tests: [turns],
  },
  {
    guarantee: 'G2',
    what: 'mongodb: a touch is for a live session only',
    file: 'src/stores/mongodb.ts',
    find: "const { matchedCount } = await this.#collection.updateOne({ _id: id, kind: 'session' }, update);",
    replace: 'const { matchedCount } = await this.#collection.updateOne({ _id: id }, update);',
    tests: [foreign],
  },
  {
    guarantee: 'G2',
    what: 'mongodb: a session becomes live once, from pending',
    file: file('sessions'),
    find: "this.#collection.updateOne({ _id: id, kind: 'pending', ticket }, update)",
    replace: 'this.#collection.updateOne({ _id: id }, update)',
    tests: [crashes],
  },
  {
    guarantee: 'G3',
    what: 'mongodb: the old session of a replace ends at the version that was read',
    file: file('sessions'),
    find: "const filter = { _id: id, kind: 'session', version: expected };",
    replace: "const filter = { _id: id, kind: 'session' };",
    tests: [turns],
  },
  {
    guarantee: 'G3',
    what: 'mongodb: the marker of a replaced session names its successor',
    file: file('sessions'),
    find: 'intoMarker(ending, { successor })',
    replace: 'intoMarker(ending)',
    tests: [crashes],
  },
  {
    guarantee: 'G6',
    what: 'mongodb: who comes next finishes a revocation that broke off',
    file: file('owners'),
    find: 'if (state?.end) await this.#performEnd',
    replace: 'if (state?.end && state.serial < 0) await this.#performEnd',
    tests: [crashes],
  },
  {
    guarantee: 'G6',
    what: 'mongodb: who comes next finishes a sign-in that broke off',
    file: file('owners'),
    find: 'await this.#perform(owner, state.entry, state.serial);',
    replace: 'await undefined;',
    tests: [crashes],
  },
  {
    guarantee: 'G6',
    what: "mongodb: changes of an owner's document are by compare-and-set",
    file: file('owners'),
    find: '{ _id: keyOf(owner), tx: state.tx }',
    replace: '{ _id: keyOf(owner) }',
    tests: [turns],
  },
  {
    guarantee: 'G6',
    what: 'mongodb: a sign-in that began before the mark is barred',
    file: file('owners'),
    find: "if (mark && owning && owning.startedAt <= mark.at && owning.now < mark.keepUntil) return 'barred';",
    replace: '',
    tests: [turns],
  },
  {
    guarantee: 'G6',
    what: 'mongodb: a revocation that is finished late spares who came after it',
    file: file('owners'),
    find: 'serial: { $lte: serial },',
    replace: '',
    tests: [turns],
  },
  {
    guarantee: 'G2',
    what: 'mongodb: the evicted end before the new session is live',
    file: file('owners'),
    find: "await this.#collection.updateMany({ _id: { $in: evict }, kind: 'session', owner }, intoMarker(evicted));",
    replace: '',
    tests: [crashes],
  },
  {
    guarantee: 'G6',
    what: 'mongodb: reads are from the primary and writes wait for a majority, whatever the URL says',
    file: file('port'),
    find: '.collection(name, settings)',
    replace: '.collection(name)',
    tests: [turns],
  },
  {
    guarantee: 'G8',
    what: 'mongodb: the date of the TTL index is never before the deadline',
    file: file('documents'),
    find: 'Math.ceil(deadline) + slackMs',
    replace: 'Math.floor(deadline)',
    tests: [indexes],
  },
  {
    guarantee: 'G10',
    what: 'mongodb: a document of another form is not taken for a session',
    file: file('documents'),
    find: 'if (isStored(document)) return document;',
    replace: 'return document as Stored;',
    tests: [foreign],
  },
  {
    guarantee: 'G10',
    what: 'mongodb: a document of another form hides no other from a list or a walk',
    file: 'src/stores/mongodb.ts',
    find: "isStored(document) && document.kind === 'session' ? { id: document._id, record: recordOf(document) } : [],",
    replace: '({ id: Reflect.get(document, "_id"), record: recordOf(stored(document) as never) }),',
    also: [{ find: 'isStored, recordOf }', replace: 'recordOf, stored }' }],
    tests: [guaranteeTest('g10-poisoned')],
  },
];
