/** Random requests by several browsers, thieves and admins, each answer held against the model. */
import { afterEach, describe, expect, it } from 'vitest';
import { sessionIn, startApp, type TestApp } from '../support/app.js';
import type { Answer, Client } from '../support/client.js';
import { FakeClock } from '../support/fake-clock.js';
import { Random } from '../support/random.js';
import { everyVerb, type Me } from '../support/routes.js';
import { type Spy, spyOn } from '../support/spy-store.js';
import { type OpenStore, storeKinds } from '../support/stores.js';
import { type Data, type Expected, Model, type ModelSession } from './model.js';

const browsers = 5;
const owners = ['ada', 'grace', 'mallory'];
const keys = ['cart', 'theme', 'views'];

describe.each(storeKinds)('the whole door against its model: $name', (kind) => {
  let opened: OpenStore;
  let app: TestApp;

  afterEach(async () => {
    await app.close();
    await opened.remove();
  });

  // What is fuzzed is the door; of the servers behind it, one run each shows that they make no difference.
  it.each(['memory', 'lmdb'].includes(kind.name) ? [1, 2, 3] : [1])(
    '1,500 random requests get the answers that the model gives, seed %i',
    async (seed) => {
      opened = await kind.open();
      const clock = new FakeClock();
      const spy = spyOn(opened.store);
      app = await startApp(
        (target, sessions) => {
          target.get('/put', (req, res) => {
            Object.assign(sessionIn(req), JSON.parse(String(req.query.data)));
            res.send('put');
          });
          everyVerb(target, sessions);
        },
        { store: spy.store, clock, idle: '10m', absolute: '1h' },
      );
      const run = new Run(app, spy, clock, new Random(seed));
      for (let step = 0; step < 1_500; step++) await run.step(step);
      expect(run.ends).toBeGreaterThan(100);
      expect(run.refusals).toBeGreaterThan(50);
    },
  );
});

class Run {
  readonly #app: TestApp;
  readonly #spy: Spy;
  readonly #clock: FakeClock;
  readonly #random: Random;
  readonly #model: Model;
  readonly #clients: Client[];
  /** Every token that was ever given out, and what it names. */
  readonly #sessions = new Map<string, ModelSession>();
  readonly #ids = new Map<string, ModelSession>();
  readonly #log: string[] = [];
  ends = 0;
  refusals = 0;

  constructor(app: TestApp, spy: Spy, clock: FakeClock, random: Random) {
    this.#app = app;
    this.#spy = spy;
    this.#clock = clock;
    this.#random = random;
    this.#model = new Model(() => clock.now());
    this.#clients = Array.from({ length: browsers }, () => app.client());
  }

  async step(number: number): Promise<void> {
    const random = this.#random;
    await this.#spy.settled();
    this.#clock.advance(random.chance(0.02) ? 1 + random.below(900_000) : 1 + random.below(20_000));
    await this.#spy.settled();
    const client = random.pick(this.#clients);
    const kind = random.pick(moves);
    this.#log.push(`${number} at ${this.#clock.now()} browser ${this.#clients.indexOf(client)}: ${kind}`);
    await this.#move(kind, client);
    const session = this.#sessionOf(client);
    const me = await client.send(random.pick(['GET', 'POST']), '/me');
    this.#matches(me, { status: 200, cookie: 'none' });
    const { owner, data } = me.json<Me>();
    const alive = this.#model.isAlive(session);
    expect({ owner, data }, this.#story()).toEqual(
      alive ? { owner: session.owner, data: session.data } : { owner: undefined, data: {} },
    );
    this.#model.used(session);
  }

  async #move(kind: (typeof moves)[number], client: Client): Promise<void> {
    const random = this.#random;
    const session = this.#sessionOf(client);
    switch (kind) {
      case 'put':
      case 'update':
      case 'put by GET': {
        const data: Data = random.chance(0.2)
          ? { userId: 1 + random.below(3) }
          : { [random.pick(keys)]: random.below(4) };
        const expected = this.#model.change(session, data, kind === 'put by GET');
        const path = `/put?data=${encodeURIComponent(JSON.stringify(data))}`;
        const answer = kind === 'put by GET' ? client.get(path) : client.post(`/${kind}`, { body: data });
        return this.#settle(await answer, client, ...expected);
      }
      case 'sign in': {
        const owner = random.pick(owners);
        const expected = this.#model.signIn(session, owner);
        return this.#settle(await client.post(`/sign-in/${owner}`), client, ...expected);
      }
      case 'signOut':
      case 'destroy': {
        const expected = this.#model.signOut(session, kind === 'signOut' ? 'signed-out' : 'destroyed');
        return this.#settle(await client.post(`/${kind}`), client, ...expected);
      }
      case 'regenerate':
        return this.#settle(await client.post('/regenerate'), client, ...this.#model.regenerate(session));
      case 'reauthenticate':
        return this.#settle(await client.post('/reauthenticate'), client, ...this.#model.reauthenticate(session));
      case 'steal':
        client.jar.clear();
        for (const [name, value] of random.pick(this.#clients).jar) client.jar.set(name, value);
        return;
      case 'replay':
        if (this.#sessions.size > 0) client.jar.set(this.#app.cookieName, random.pick([...this.#sessions.keys()]));
        return;
      case 'junk':
        client.jar.set(this.#app.cookieName, this.#junk());
        return;
      case 'forget':
        client.jar.clear();
        return;
      case 'revoke': {
        const [id, target] = random.pick([...this.#ids, ['', undefined] as const]);
        if (!target || this.#clock.now() > (target.ended?.at ?? this.#clock.now()) + 3_000_000 || !this.#isKept(target))
          return;
        expect(await this.#app.sessions.revoke(id), this.#story()).toBe(this.#model.revoke(target));
        this.ends++;
        return;
      }
      case 'revoke all': {
        const owner = random.pick(owners);
        const theirs = [...new Set(this.#sessions.values())].filter(
          (each) => each.owner === owner && this.#model.isAlive(each),
        );
        const listed = await this.#app.sessions.list(owner);
        expect(listed, this.#story()).toHaveLength(theirs.length);
        expect(await this.#app.sessions.revokeAll(owner), this.#story()).toBeGreaterThanOrEqual(theirs.length);
        for (const each of theirs) this.#model.end(each, 'revoked');
        this.ends += theirs.length;
      }
    }
  }

  /** Swept already or about to be: whether the store still knows it is the sweeper's business. */
  #isKept(session: ModelSession): boolean {
    return session.ended !== undefined || this.#model.isAlive(session);
  }

  async #settle(answer: Answer, client: Client, expected: Expected, session?: ModelSession): Promise<void> {
    this.#matches(answer, expected);
    if (expected.cookie === 'clear') this.ends++;
    if (!session) return;
    const [token = ''] = client.jar.values();
    expect(this.#sessions.has(token), this.#story()).toBe(false);
    this.#sessions.set(token, session);
    const id = Buffer.from(token, 'base64url').subarray(1, 21).toString('base64url');
    this.#ids.set(id, session);
  }

  #matches(answer: Answer, expected: Expected): void {
    expect(answer.status, `${this.#story()}\n${answer.text}`).toBe(expected.status);
    if (answer.status === 401) this.refusals++;
    const [line] = answer.setCookies;
    const cookie = line === undefined ? 'none' : /max-age=0/i.test(line) ? 'clear' : 'new';
    expect(cookie, this.#story()).toBe(expected.cookie);
    expect(answer.setCookies.length).toBeLessThanOrEqual(1);
  }

  #sessionOf(client: Client): ModelSession | undefined {
    const value = client.jar.get(this.#app.cookieName);
    return value === undefined ? undefined : this.#sessions.get(value);
  }

  #junk(): string {
    const random = this.#random;
    const real = random.pick([...this.#sessions.keys(), 'A'.repeat(92)]);
    const at = random.below(real.length);
    return random.pick([
      random.bytes(69).toString('base64url'),
      `${real.slice(0, at)}${real[at] === 'x' ? 'y' : 'x'}${real.slice(at + 1)}`,
      real.slice(0, at),
      `${real}${real}`,
      `"${real}"`,
      '',
    ]);
  }

  #story(): string {
    return this.#log.slice(-12).join('\n');
  }
}

const moves = [
  ...(['put', 'put', 'put', 'update', 'put by GET', 'sign in', 'sign in', 'signOut', 'destroy', 'regenerate'] as const),
  ...(['reauthenticate', 'steal', 'steal', 'replay', 'junk', 'forget', 'revoke', 'revoke all'] as const),
];
