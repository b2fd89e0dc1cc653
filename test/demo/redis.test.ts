/** `REDIS_URL=... npm start`: several processes, one Redis. */
import { describe, expect, test } from 'vitest';
import { binary, servers } from '../redis/kit.js';
import { testSecret } from '../support/app.js';
import type { Client } from '../support/client.js';
import {
  type Demo,
  type Environment,
  freePort,
  runDemo,
  sessionView,
  signIn,
  startDemo,
  viewsOf,
} from '../support/demo.js';

describe.runIf(binary)('two demos over one Redis', () => {
  const { all } = servers('standalone');
  const env = (): Environment => ({
    REDIS_URL: `redis://127.0.0.1:${all[0]?.port}`,
    SESSION_SECRET: testSecret,
  });
  /** The same browser at another process. Over http a cookie is named after the port, so it is handed on by hand. */
  function at(demo: Demo, client: Client, from: Demo): Client {
    const there = demo.client();
    for (const [name, value] of client.jar) there.jar.set(name.replace(String(from.port), String(demo.port)), value);
    return there;
  }

  test('a person signed in at one is signed in at the other, and signed out at both at once', async () => {
    const [first, second] = [await startDemo(env()), await startDemo(env())];
    const client = first.client();
    await client.get('/');
    await signIn(client);
    const there = at(second, client, first);
    expect(await sessionView(there)).toEqual(await sessionView(client));
    expect([viewsOf(await client.get('/')), viewsOf(await there.get('/'))]).toEqual([2, 3]);
    await client.post('/logout');
    expect((await sessionView(there)).owner).toBeNull();
  });

  test('a restart signs nobody out', async () => {
    const fixed = { ...env(), PORT: String(await freePort()) };
    const demo = await startDemo(fixed);
    const client = demo.client();
    await signIn(client);
    const view = await sessionView(client);
    expect(await demo.stop()).toBe(0);
    await startDemo(fixed);
    expect(await sessionView(client)).toEqual(view);
  });

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
