/** The mechanisms of the Redis store that no guarantee test of the memory store can notice. */
import type { Mutant } from './mutant.js';

const watch = 'test/redis/watch.test.ts';
const cluster = 'test/redis/watch-cluster.test.ts';
const twoConnections = 'test/redis/watch-ioredis.test.ts';

export const redis: readonly Mutant[] = [
  {
    guarantee: 'G6',
    what: 'redis: a value of a newer release is ended',
    file: 'src/stores/redis/scripts.gen.ts',
    find: "return kind == 'record' or kind == 'newer'",
    replace: "return kind == 'record'",
    tests: ['test/redis/faults.test.ts'],
  },
  {
    guarantee: 'G6',
    what: "redis: a damaged record's owner is not looked for in another slot",
    file: 'src/stores/redis/scripts.gen.ts',
    find: 'if owner and tag == string.sub(id_of(key), 1, 5) then',
    replace: 'if owner then',
    tests: ['test/redis/damaged-owner.test.ts'],
  },
  {
    guarantee: 'G6',
    what: "redis: an owner's index, by which sessions are revoked, outlives them",
    file: 'src/stores/redis/scripts.gen.ts',
    find: 'return math.ceil(deadline / slack) > math.ceil(before / slack)',
    replace: 'return math.ceil(deadline / slack) > math.ceil(before / slack) + 2',
    tests: ['test/redis/expiry.test.ts'],
  },
  {
    guarantee: 'G6',
    what: 'redis: a lost link says that any session may have changed',
    file: 'src/stores/redis/watch/watch.ts',
    find: "    link.close();\n    this.#tell('all');\n",
    replace: '    link.close();\n',
    tests: [watch],
  },
  {
    guarantee: 'G6',
    what: 'redis: a server that is no longer a primary is no longer trusted',
    file: 'src/stores/redis/watch/link.ts',
    find: "if (role !== 'master' && role !== 'primary') throw",
    replace: 'if (role === undefined) throw',
    tests: [watch],
  },
  {
    guarantee: 'G6',
    what: 'redis: a server that does not answer is given up',
    file: 'src/stores/redis/watch/watch.ts',
    find: 'Promise.race([answer, late])',
    replace: 'answer',
    tests: [watch],
  },
  {
    guarantee: 'G6',
    what: 'redis: a slot that has moved says that any session may have changed',
    file: 'src/stores/redis/watch/watch.ts',
    find: "error.message.startsWith('MOVED')) this.#tell('all');",
    replace: "error.message.startsWith('MOVED')) return undefined;",
    tests: [cluster],
  },
  {
    guarantee: 'G6',
    what: 'redis: through ioredis, a heartbeat waits for the notices',
    file: 'src/stores/redis/watch/ioredis.ts',
    find: ", notices.send(['ping'])]",
    replace: ']',
    tests: [twoConnections],
  },
  {
    guarantee: 'G6',
    what: 'redis: through ioredis, the loss of the connection for notices is the loss of the link',
    file: 'src/stores/redis/watch/ioredis.ts',
    find: 'connect(subscriber, end, signal)',
    replace: 'connect(subscriber, () => undefined, signal)',
    tests: [watch],
  },
  {
    guarantee: 'G6',
    what: 'redis: through ioredis, both connections lead to one server',
    file: 'src/stores/redis/watch/ioredis.ts',
    find: '    if (one !== other) throw',
    replace: '    if (!one) throw',
    tests: [twoConnections],
  },
  {
    guarantee: 'G2',
    what: 'redis: an end is acknowledged only when the replicas have it',
    file: 'src/stores/redis/replicas.ts',
    find: 'Number(acknowledged) >= replicas',
    replace: 'Number(acknowledged) >= 0',
    tests: ['test/redis/replicas.test.ts'],
  },
  {
    guarantee: 'kit',
    what: 'redis: a walk that slots moved under does not pass for whole',
    file: 'src/stores/redis/scan.ts',
    find: "if (position.layout !== (await layoutOf(port, servers))) throw broken('slots moved');",
    replace: '',
    tests: ['test/redis/scan.test.ts'],
  },
  {
    guarantee: 'kit',
    what: 'redis: a walk over a server that was restarted does not pass for whole',
    file: 'src/stores/redis/scan.ts',
    find: 'if (before !== (await runOf(port, address)))',
    replace: 'if (!before)',
    tests: ['test/redis/scan.test.ts'],
  },
];
