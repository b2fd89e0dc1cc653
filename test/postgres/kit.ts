/** The conformance kit on a real server, and what the other files of this folder share. */
import pg from 'pg';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { storeConformance } from '../../src/stores/conformance/index.js';
import { type PostgresPool, type PostgresPoolClient, postgresStore } from '../../src/stores/postgres.js';
import { dropSchema, freshSchema, poolOf, postgresAvailable, postgresUrl } from '../support/postgres-schema.js';

type Hook = () => unknown;

/** The same pool, with a hook that is awaited before each query. */
export function withHook(pool: pg.Pool): { pool: PostgresPool; beforeCommand(hook: Hook | undefined): void } {
  let hook: Hook | undefined;
  const connect: PostgresPool['connect'] = (lend) =>
    pool.connect((error, client) => lend(error, client && lent(client)));
  const lent = (client: pg.PoolClient): PostgresPoolClient => ({
    release: (destroy) => client.release(destroy),
    on: (...args) => client.on(...args),
    off: (...args) => client.off(...args),
    async query(query) {
      await hook?.();
      return client.query(query);
    },
  });
  const hooked = {
    get totalCount() {
      return pool.totalCount;
    },
    connect,
    on: (...args: Parameters<PostgresPool['on']>) => pool.on(...args),
    off: (...args: Parameters<PostgresPool['off']>) => pool.off(...args),
  };
  return {
    pool: hooked,
    beforeCommand(next) {
      hook = next;
    },
  };
}

export const rejection = (call: PromiseLike<unknown> | unknown): Promise<Error & Record<string, unknown>> =>
  Promise.resolve(call).then(
    () => Promise.reject(new Error('it did not reject')),
    (error) => error,
  );

interface Setting {
  /** Of the server or of what stands before it; by default the one that the run shares. */
  readonly url?: () => Promise<string> | string;
  /** Where notices come from; by default `url`. */
  readonly direct?: () => Promise<string> | string;
  readonly pool?: pg.PoolConfig;
  readonly sequences?: number;
}

/** Two pools, as of two processes; each law has a schema of its own. */
export function conforms(title: string, { url = postgresUrl, direct = url, pool, sequences }: Setting = {}): void {
  describe.runIf(postgresAvailable)(title, () => {
    const pools: pg.Pool[] = [];
    let connectionString = '';
    beforeAll(async () => {
      connectionString = await direct();
      for (let count = 0; count < 2; count++) pools.push(poolOf(await url(), pool));
    });
    afterAll(() => Promise.all(pools.map((one) => one.end())));
    storeConformance({
      test,
      makeStore() {
        const schema = freshSchema();
        const [first, second] = pools;
        if (!first || !second) throw new Error('not connected');
        const hooked = withHook(first);
        const listen = (): pg.Client => new pg.Client({ connectionString });
        return {
          store: postgresStore({ pool: hooked.pool, schema, listen, queryTimeout: '20s' }),
          reopen: () => postgresStore({ pool: second, schema, listen, queryTimeout: '20s' }),
          beforeCommand: hooked.beforeCommand,
          close: () => dropSchema(second, schema),
        };
      },
      skip: (_, reason, context) => (context as { skip(note: string): void }).skip(reason),
      ...(sequences && { sequences }),
    });
  });
}
