import { expect, test } from 'vitest';
import type { Client } from '../support/client.js';
import { type Demo, dataFolder, sessionView, signIn, startDemo, viewsOf } from '../support/demo.js';
import { freePort } from '../support/free-port.js';

/** The same data and port each time: over http the cookie is named after the port. */
async function restartable(): Promise<() => Promise<Demo>> {
  const env = { PORT: String(await freePort()), DEMO_DATA: dataFolder() };
  return () => startDemo(env);
}

test('a restart signs nobody out, and the views go on', async () => {
  const start = await restartable();
  const first = await start();
  const client = first.client();
  await client.get('/');
  await signIn(client);
  await client.get('/');
  const before = await sessionView(client);
  expect(await first.stop()).toBe(0);

  await start();
  expect(await sessionView(client)).toEqual(before);
  expect(viewsOf(await client.get('/'))).toBe(3);
  expect((await client.get('/account')).status).toBe(200);
});

test('a session that was signed out stays so after a restart', async () => {
  const start = await restartable();
  const first = await start();
  const client = first.client();
  await signIn(client);
  const copy = client.copy();
  await client.post('/logout');
  expect(await first.stop('SIGKILL')).toBeNull();
  await start();
  expect((await sessionView(copy)).owner).toBeNull();
  copy.close();
});

test('kill -9 under load loses nothing that was answered', { timeout: 120_000 }, async () => {
  const visitors = 40;
  const tabs = 2;
  const start = await restartable();
  let demo = await start();
  const clients = Array.from({ length: visitors }, () => demo.client());
  /** The highest count that each visitor was shown. */
  const shown = new Map<Client, number>();
  for (const client of clients) shown.set(client, viewsOf(await client.get('/')));
  const ids = await Promise.all(clients.map(async (client) => (await sessionView(client)).id));

  for (let round = 0; round < 3; round++) {
    let answers = 0;
    let killed: Promise<unknown> | undefined;
    const visit = async (client: Client): Promise<void> => {
      for (;;) {
        const answer = await client.get('/').catch(() => undefined);
        if (answer === undefined) return;
        expect(answer.status).toBe(200);
        shown.set(client, Math.max(shown.get(client) ?? 0, viewsOf(answer)));
        if (++answers === 300 + 170 * round) killed = demo.stop('SIGKILL');
      }
    };
    await Promise.all(clients.flatMap((client) => Array.from({ length: tabs }, () => visit(client))));
    await killed;
    // Every request of the load has failed by now because the process is gone, and not for another reason.
    expect(killed).toBeDefined();

    demo = await start();
    for (const [index, client] of clients.entries()) {
      const { id, views } = await sessionView(client);
      const answered = shown.get(client) ?? 0;
      expect(id).toBe(ids[index]);
      expect(views).toBeGreaterThanOrEqual(answered);
      // Stored, but the answer was on its way when the process died.
      expect(views).toBeLessThanOrEqual(answered + tabs);
    }
  }
});
