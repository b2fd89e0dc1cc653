/** `MONGODB_URL=... npm start`: several processes, one MongoDB. */
import { beforeAll, describe, expect, test } from 'vitest';
import { testSecret } from '../support/app.js';
import { type Environment, runDemo, signIn, startDemo } from '../support/demo.js';
import { freePort } from '../support/free-port.js';
import { freshName, mongodb, sharedMongodb } from '../support/mongodb-server.js';
import { sharesSessions } from './shares-sessions.js';

describe.runIf(mongodb)('demos over one MongoDB', () => {
  let url = '';
  beforeAll(async () => {
    const server = new URL(await sharedMongodb());
    server.pathname = freshName();
    url = server.href;
  });
  const env = (): Environment => ({ MONGODB_URL: url, SESSION_SECRET: testSecret });
  sharesSessions(env);

  test('it starts without a server too, and says so where a session is needed', async () => {
    const away = `mongodb://127.0.0.1:${await freePort()}/app`;
    const demo = await startDemo({ MONGODB_URL: away, SESSION_SECRET: testSecret });
    expect((await signIn(demo.client())).status).toBe(503);
  });

  test('it does not start without a secret, nor with a URL that is none, and never shows a password', async () => {
    const { code, output } = await runDemo({ MONGODB_URL: 'http://:hunter2@127.0.0.1', SESSION_SECRET: testSecret });
    expect([code, output]).toEqual([1, expect.stringContaining("MONGODB_URL can't be used: ")]);
    expect(output).not.toContain('hunter2');
    const without = await runDemo({ MONGODB_URL: url });
    expect([without.code, without.output]).toEqual([1, expect.stringContaining('secret')]);
  });
});
