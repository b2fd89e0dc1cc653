/** `DATABASE_URL=... npm start`: several processes, one PostgreSQL. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testSecret } from '../support/app.js';
import { type Environment, runDemo, signIn, startDemo } from '../support/demo.js';
import { freePort } from '../support/free-port.js';
import { needs } from '../support/needs.js';
import { type PostgresServer, startPostgres } from '../support/postgres-server.js';
import { sharesSessions } from './shares-sessions.js';

const binary = needs('postgres');

// A server of its own: the demo keeps its sessions under the store's default names.
describe.runIf(binary)('demos over one PostgreSQL', () => {
  let server: PostgresServer | undefined;
  beforeAll(async () => {
    server = await startPostgres(binary ?? '');
  });
  afterAll(() => server?.stop());
  const env = (): Environment => ({ DATABASE_URL: server?.url ?? '', SESSION_SECRET: testSecret });
  sharesSessions(env);

  test('it starts without a server too, and says what is missing where a session is needed', async () => {
    const url = `postgres://postgres@127.0.0.1:${await freePort()}/postgres`;
    const demo = await startDemo({ DATABASE_URL: url, SESSION_SECRET: testSecret });
    expect(demo.output()).toMatch(/PostgreSQL: .*ECONNREFUSED/);
    expect((await signIn(demo.client())).status).toBe(503);
  });

  test('it does not start without a secret, nor with a URL that is none, and never shows a password', async () => {
    expect(await runDemo({ DATABASE_URL: env().DATABASE_URL ?? '' })).toMatchObject({
      code: 1,
      output: expect.stringContaining('secret'),
    });
    const { code, output } = await runDemo({ DATABASE_URL: 'http://:hunter2@127.0.0.1', SESSION_SECRET: testSecret });
    expect([code, output]).toEqual([1, expect.stringContaining("DATABASE_URL can't be used: ")]);
    expect(output).not.toContain('hunter2');
  });
});
