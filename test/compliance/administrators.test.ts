import { afterAll, expect } from 'vitest';
import { dataFolder } from '../support/demo.js';
import { enter, isIn, send, sessionCookie, sharedOffice, view } from './office-client.js';
import { shows } from './shows.js';

const office = sharedOffice();

shows('ASVS-7.4.5', 'an administrator sees and ends one session of a person, and all of them', async () => {
  const [one, two, bystander, root] = await Promise.all(
    ['ada', 'ada', 'grace', 'root'].map((name) => enter(office().client(), name)),
  );
  if (!one || !two || !bystander || !root) throw new Error('not signed in');
  const copy = two.copy();
  const ids = [(await view(one)).id, (await view(two)).id];
  const listed = (await root.get('/admin/people/ada')).json<string[]>();
  expect([...listed].sort()).toEqual([...ids].sort());
  for (const client of [one, two]) expect(JSON.stringify(listed)).not.toContain(sessionCookie(client)[1]);

  expect((await send(root, `/admin/sessions/${ids[0]}/end`)).json()).toEqual({ ended: true });
  expect([await isIn(one), await isIn(two)]).toEqual([false, true]);
  expect((await send(root, '/admin/people/ada/end')).json()).toEqual({ ended: 1 });
  expect([await isIn(two), await isIn(copy), await isIn(bystander), await isIn(root)]).toEqual([
    false,
    false,
    true,
    true,
  ]);
  // They can sign in anew: sessions were ended, not the account.
  expect(await isIn(await enter(one, 'ada'))).toBe(true);
  copy.close();
});

shows('ASVS-7.4.5', 'nobody else can', async () => {
  const [ada, grace] = [await enter(office().client(), 'ada'), await enter(office().client(), 'grace')];
  const { id } = await view(ada);
  for (const path of ['/admin/people/ada/end', `/admin/sessions/${id}/end`, '/admin/end-everything']) {
    expect([path, (await send(grace, path)).status]).toEqual([path, 403]);
    expect([path, (await send(office().client(), path)).status]).toEqual([path, 401]);
  }
  expect((await grace.get('/admin/people/ada')).status).toBe(403);
  expect(await isIn(ada)).toBe(true);
});

shows(
  'ASVS-7.4.5',
  'an administrator ends the sessions of everybody at once, their own and strangers’ too',
  async () => {
    const everybody = await Promise.all(['ada', 'grace', 'root'].map((name) => enter(office().client(), name)));
    const copies = everybody.map((client) => client.copy());
    const root = everybody[2];
    if (!root) throw new Error('not signed in');
    await send(root, '/admin/end-everything');
    expect(await Promise.all([...everybody, ...copies].map(isIn))).toEqual(Array(6).fill(false));
    expect(await isIn(await enter(office().client(), 'ada'))).toBe(true);
    for (const copy of copies) copy.close();
  },
);

const together = {
  DEMO_DATA: dataFolder((ending) => afterAll(ending)),
  SESSION_SECRET: 'an-0ffice-0f-tw0-apps-Wq3Zr8Lm5Xv2',
};
const [front, back] = [
  sharedOffice({ ...together, AUDIENCE: 'front' }),
  sharedOffice({ ...together, AUDIENCE: 'back' }),
];

shows('ASVS-3.5.4', "two apps with one store and one secret take nothing of each other's", async () => {
  const client = await enter(front().client(), 'ada');
  const [, token] = sessionCookie(client);
  const [name] = sessionCookie(await enter(back().client(), 'ada'));
  const asked = await back()
    .client()
    .get('/session', { cookie: `${name}=${token}` });
  expect(asked.json()).toMatchObject({ owner: null });
  const root = await enter(back().client(), 'root');
  await send(root, '/admin/people/ada/end');
  expect(await isIn(client)).toBe(true);
});
