/** What demos promise that keep their sessions in one server. */
import { expect, test } from 'vitest';
import type { Client } from '../support/client.js';
import { type Demo, type Environment, sessionView, signIn, startDemo, viewsOf } from '../support/demo.js';
import { freePort } from '../support/free-port.js';

/** The same browser at another process. Over http a cookie is named after the port, so it is handed on by hand. */
function at(demo: Demo, client: Client, from: Demo): Client {
  const there = demo.client();
  for (const [name, value] of client.jar) there.jar.set(name.replace(String(from.port), String(demo.port)), value);
  return there;
}

export function sharesSessions(env: () => Environment): void {
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
}
