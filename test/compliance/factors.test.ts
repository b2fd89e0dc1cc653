import { expect } from 'vitest';
import { codeOf, enter, giveName, isIn, send, sessionCookie, sharedOffice, view } from './office-client.js';
import { shows } from './shows.js';

const office = sharedOffice();

shows(
  'ASVS-7.2.4 NIST-5.1-minted NIST-5.1-aal WSTG-SESS-03 WSTG-SESS-08',
  'who has given a password and no second factor yet is nobody, and each step has a token of its own',
  async () => {
    const client = office().client();
    await giveName(client, 'ada');
    expect(await view(client)).toMatchObject({ owner: null, aal: 0, pending: 'code' });
    const halfway = client.copy();
    expect((await send(client, '/payments/1')).status).toBe(401);
    expect((await send(client, '/payments/1/confirm', { code: codeOf('ada') })).status).toBe(401);
    expect((await send(client, '/login/code', { code: '000000' })).status).toBe(401);
    expect((await send(client, '/login/code', { code: codeOf('ada') })).status).toBe(204);
    expect(await view(client)).toMatchObject({ owner: 'ada', aal: 2, pending: null });
    expect(sessionCookie(client)).not.toEqual(sessionCookie(halfway));
    expect(await view(halfway)).toMatchObject({ owner: null, pending: null });
    halfway.close();
  },
);

shows(
  'ASVS-7.5.3 ASVS-7.2.4',
  'what is most sensitive needs one more factor, for that one payment, for a short time, and with a new token',
  async () => {
    const client = await enter(office().client(), 'ada');
    expect((await send(client, '/payments/1')).status).toBe(403);
    expect((await send(client, '/payments/1/confirm', { code: '000000' })).status).toBe(401);
    expect((await send(client, '/payments/1')).status).toBe(403);

    const [before, { endsAt }] = [client.copy(), await view(client)];
    expect((await send(client, '/payments/1/confirm', { code: codeOf('ada') })).status).toBe(204);
    expect([(await view(client)).endsAt, await isIn(before)]).toEqual([endsAt, false]);
    expect(sessionCookie(client)).not.toEqual(sessionCookie(before));
    before.close();

    expect((await send(client, '/payments/1')).text).toBe('paid');
    expect((await send(client, '/payments/2')).status).toBe(403);
    // Somebody else's confirmation is theirs.
    const grace = await enter(office().client(), 'grace');
    expect((await send(grace, '/payments/1')).status).toBe(403);
    expect((await send(client, '/payments/brief/confirm', { code: codeOf('ada') })).status).toBe(204);
    // The tests' own limit ends it if it never closes.
    while ((await view(client)).scopes.includes('payment:brief'))
      await new Promise((resolve) => setTimeout(resolve, 50));
    expect((await send(client, '/payments/brief')).status).toBe(403);
    expect((await send(client, '/payments/1')).text).toBe('paid');
    expect(await isIn(client)).toBe(true);
  },
);

shows(
  'ASVS-7.4.1 NIST-5.1-erased WSTG-SESS-06',
  'a request that is under way when its person signs out brings nothing of the session back',
  async () => {
    const client = await enter(office().client(), 'grace');
    const copy = client.copy();
    const slow = send(copy, '/slow');
    while ((await client.get('/waiting')).json<number>() === 0);
    expect((await send(client, '/logout')).status).toBe(204);
    const other = office().client();
    await send(other, '/let-go');
    const late = await slow;
    expect([late.status, late.setCookies]).toEqual([401, []]);
    expect(await isIn(copy)).toBe(false);
    copy.close();
  },
);
