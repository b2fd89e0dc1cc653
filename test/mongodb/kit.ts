/** Stores for the tests of this folder, with a hook before each of their commands. */
import { afterAll, beforeAll } from 'vitest';
import {
  type MongodbCollection,
  type MongodbDatabase,
  type MongodbStore,
  mongodbStore,
} from '../../src/stores/mongodb.js';
import { type Connected, connect, freshName, sharedMongodb } from '../support/mongodb-server.js';

export type Hook = (command: string) => unknown;

export interface Hooks {
  beforeCommand(hook: Hook | undefined): void;
  /** What throws here loses the reply of a command that has run. */
  afterCommand(hook: Hook | undefined): void;
}

export interface Hooked extends Hooks {
  readonly db: MongodbDatabase;
}

/** The same database, whose collections call a hook, and await it, before each command. */
export function withHook(db: MongodbDatabase): Hooked {
  let before: Hook | undefined;
  let after: Hook | undefined;
  const run = async (name: string, command: () => unknown): Promise<unknown> => {
    await before?.(name);
    const answer = await command();
    await after?.(name);
    return answer;
  };
  const hooked = (collection: MongodbCollection): MongodbCollection =>
    new Proxy(collection, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== 'function' || typeof name !== 'string') return member;
        if (name === 'find') {
          return (...args: unknown[]) => ({
            toArray: () => run(name, () => Reflect.apply(member, target, args).toArray()),
          });
        }
        return (...args: unknown[]) => run(name, () => Reflect.apply(member, target, args));
      },
    });
  return {
    db: { collection: (name, options) => hooked(db.collection(name, options)) },
    beforeCommand(hook) {
      before = hook;
    },
    afterCommand(hook) {
      after = hook;
    },
  };
}

export interface Opened extends Hooks {
  readonly store: MongodbStore;
  readonly second: MongodbStore;
  /** The collection itself, for a test that looks or meddles. */
  readonly raw: ReturnType<Connected['db']['collection']>;
  drop(): Promise<unknown>;
}

/** Two clients on the shared server, as of two processes, for the tests of a file. */
export function opener(): () => Promise<Opened> {
  const connections: Connected[] = [];
  beforeAll(async () => {
    const url = await sharedMongodb();
    connections.push(await connect(url), await connect(url));
  });
  afterAll(() => Promise.all(connections.map((connection) => connection.close())));
  return async () => {
    const [first, second] = connections;
    if (!first || !second) throw new Error('not connected');
    const collection = freshName();
    const hooked = withHook(first.db);
    const opened = {
      store: mongodbStore({ db: hooked.db, collection }),
      second: mongodbStore({ db: second.db, collection }),
      raw: first.db.collection(collection),
      beforeCommand: hooked.beforeCommand,
      afterCommand: hooked.afterCommand,
      drop: () => first.db.dropCollection(collection),
    };
    await Promise.all([opened.store.ready(), opened.second.ready()]);
    return opened;
  };
}
