/** What HoldfastStore remembers of sessions answers nothing: the store is asked each time. */
import session, { type SessionData } from 'express-session';
import { beforeEach, describe, expect, it } from 'vitest';
import type { HoldfastStore } from '../../src/express-session/index.js';
import { memoryStore } from '../../src/stores/memory.js';
import { type AnySession, done, holdfastStore } from '../support/express-session-app.js';

const data = (fields: object): SessionData => ({ cookie: new session.Cookie(), ...fields }) as never;

const get = (store: HoldfastStore, sid: string): Promise<SessionData | undefined> =>
  new Promise((resolve, reject) =>
    store.get(sid, (error, found) => (error ? reject(error) : resolve(found ?? undefined))),
  );
const set = (store: HoldfastStore, sid: string, fields: SessionData): Promise<void> =>
  done((callback) => store.set(sid, fields, callback));
const save = (held: AnySession): Promise<void> => done((callback) => held.save(callback));

async function loaded(sid: string, from = store): Promise<AnySession> {
  const found = await get(from, sid);
  if (!found) throw new Error('not found');
  const req = { sessionID: sid, sessionStore: from, method: 'POST', headers: {} };
  return from.createSession(req as never, found) as AnySession;
}

const plain = (value: unknown): object => {
  const { cookie: _, ...rest } = JSON.parse(JSON.stringify(value));
  return rest;
};

let store: HoldfastStore;
/** As another process has it: on the same store, and it remembers nothing of the first one's. */
let other: HoldfastStore;

beforeEach(() => {
  const shared = memoryStore();
  store = holdfastStore(shared).store;
  other = holdfastStore(shared).store;
});

describe('what a process remembers of a session', () => {
  it('answers nothing: what another process changed or ended is seen by the next read', async () => {
    await set(store, 'sid', data({ n: 1 }));
    expect(plain(await get(store, 'sid'))).toEqual({ n: 1 });
    const there = await loaded('sid', other);
    there.n = 2;
    await save(there);
    expect(plain(await get(store, 'sid'))).toEqual({ n: 2 });
    await done((callback) => other.destroy('sid', callback));
    expect(await get(store, 'sid')).toBeUndefined();
  });

  it('shares nothing between requests, and a save of one is no change of another', async () => {
    await set(store, 'sid', data({ cart: { items: [1] } }));
    const [one, two] = [await loaded('sid'), await loaded('sid')];
    one.cart.items.push(2);
    expect(two.cart.items).toEqual([1]);
    one.cookie.path = '/elsewhere';
    expect((await loaded('sid')).cookie.path).toBe('/');
    await save(two);
    expect(plain(await get(store, 'sid'))).toEqual({ cart: { items: [1] } });
  });

  it('is the same as what is read anew, whatever the data', async () => {
    const fields = {
      text: 'é \u{1f600} \ud800 \\u005f',
      none: null,
      list: [1.5, -0, [], {}],
      '': { '1': true, b: [false] },
    };
    await set(store, 'sid', data(fields));
    const fresh = plain(await get(other, 'sid'));
    expect(plain(await get(store, 'sid'))).toEqual(fresh);
    expect(plain(await get(store, 'sid'))).toEqual(fresh);
  });
});
