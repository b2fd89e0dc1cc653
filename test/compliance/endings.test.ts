import { expect } from 'vitest';
import type { Client } from '../support/client.js';
import { ada, postForm, sessionView, sharedDemo, signIn } from '../support/demo.js';
import { shows } from './shows.js';

const demo = sharedDemo();

const isIn = async (client: Client): Promise<boolean> => (await sessionView(client)).owner !== null;

shows('ASVS-7.4.1 NIST-5.1-erased WSTG-SESS-06', 'after signing out, every copy of the cookie is dead', async () => {
  const client = demo().client();
  await signIn(client);
  const copy = client.copy();
  expect(await isIn(copy)).toBe(true);
  await client.post('/logout');
  expect(client.jar.size).toBe(0);
  for (let round = 0; round < 3; round++) expect(await isIn(copy)).toBe(false);
  expect((await copy.get('/account', { headers: { accept: 'application/json' } })).status).toBe(401);
  copy.close();
});

shows(
  'ASVS-7.4.4 NIST-5.1-sign-out WSTG-SESS-06',
  'every page of a person who is signed in has a button to sign out',
  async () => {
    const client = demo().client();
    await signIn(client);
    for (const path of ['/', '/account', '/devices', '/password', '/confirm']) {
      expect((await client.get(path)).text, path).toContain('<form method="post" action="/logout"><button');
    }
  },
);

shows('ASVS-7.4.3', 'a new password ends all other sessions, and this one goes on under a new token', async () => {
  const [here, there] = [demo().client(), demo().client()];
  await signIn(here);
  await signIn(there);
  const before = here.cookie;
  expect((await postForm(here, '/password', { password: ada.password, again: ada.password })).status).toBe(303);
  expect(await isIn(here)).toBe(true);
  expect(here.cookie).not.toBe(before);
  expect(await isIn(there)).toBe(false);
});

shows('ASVS-7.4.2', 'closing an account ends all its sessions', async () => {
  const grace = { username: 'grace', password: 'nanoseconds of copper wire' };
  const [here, there] = [demo().client(), demo().client()];
  for (const client of [here, there]) await postForm(client, '/login', grace);
  expect(await isIn(there)).toBe(true);
  expect((await postForm(here, '/account/close', {})).status).toBe(303);
  expect(await isIn(here)).toBe(false);
  expect(await isIn(there)).toBe(false);
  expect((await postForm(here, '/login', grace)).status).toBe(401);
});

shows(
  'ASVS-7.5.2 WSTG-SESS-11',
  'a person sees their sessions, can end each and all others, and nobody else’s',
  async () => {
    const [here, there] = [demo().client(), demo().client()];
    await signIn(here);
    await signIn(there);
    const page = (await here.get('/devices')).text;
    const { id } = await sessionView(there);
    expect(page).toContain(`name="id" value="${id}"`);
    expect(page).not.toContain(there.cookie.split('=')[1]);

    const stranger = demo().client();
    await stranger.get('/');
    expect((await postForm(stranger, '/devices/sign-out', { id })).status).toBe(303);
    const foreign = (await sessionView(stranger)).id;
    expect((await postForm(here, '/devices/sign-out', { id: foreign })).status).toBe(404);
    expect(await isIn(there)).toBe(true);

    expect((await postForm(here, '/devices/sign-out', { id })).status).toBe(303);
    expect(await isIn(there)).toBe(false);
    const third = demo().client();
    await signIn(third);
    expect((await postForm(here, '/devices/sign-out-others', {})).status).toBe(303);
    expect([await isIn(here), await isIn(third)]).toEqual([true, false]);
  },
);

shows(
  'ASVS-7.1.2 WSTG-SESS-11',
  'at the limit of 10 sessions the oldest end, also when sign-ins come at once',
  async () => {
    const clients = Array.from({ length: 14 }, () => demo().client());
    await Promise.all(clients.map(signIn));
    const alive = await Promise.all(clients.map(isIn));
    expect(alive.filter(Boolean).length).toBeLessThanOrEqual(10);
    expect(alive.some(Boolean)).toBe(true);
  },
);
