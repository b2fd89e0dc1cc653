/** `REDIS_URL=... npm start`: several processes, one Redis. */
import { describe, expect, test } from 'vitest';
import { binary, servers } from '../redis/kit.js';
import { testSecret } from '../support/app.js';
import { type Environment, runDemo, signIn, startDemo } from '../support/demo.js';
import { freePort } from '../support/free-port.js';
import { sharesSessions } from './shares-sessions.js';

describe.runIf(binary)('demos over one Redis', () => {
  const { all } = servers('standalone');
  const env = (): Environment => ({
    REDIS_URL: `redis://127.0.0.1:${all[0]?.port}`,
    SESSION_SECRET: testSecret,
  });
  sharesSessions(env);

  test('it starts without a server too, and says what is missing where a session is needed', async () => {
    const demo = await startDemo({ REDIS_URL: `redis://127.0.0.1:${await freePort()}`, SESSION_SECRET: testSecret });
    expect(demo.output()).toMatch(/Redis: .*ECONNREFUSED/);
    expect((await signIn(demo.client())).status).toBe(503);
  });

  test('it does not start without a secret, nor with a URL that is none, and never shows a password', async () => {
    expect(await runDemo({ REDIS_URL: env().REDIS_URL ?? '' })).toMatchObject({
      code: 1,
      output: expect.stringContaining('secret'),
    });
    const { code, output } = await runDemo({ REDIS_URL: 'http://:hunter2@127.0.0.1', SESSION_SECRET: testSecret });
    expect([code, output]).toEqual([1, expect.stringContaining("REDIS_URL can't be used: ")]);
    expect(output).not.toContain('hunter2');
  });
});
