import type { IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { engineOptionNames } from '../../src/core/options.js';
import { explain, memoryStore, type Session, SessionError, session, sessionOf } from '../../src/index.js';
import { lmdbStore } from '../../src/stores/lmdb.js';
import { sessionIn, startApp, type TestApp, testSecret } from '../support/app.js';
import { oddities } from '../support/inputs.js';
import { everyVerb } from '../support/routes.js';

type Loose = (...args: unknown[]) => unknown;
const loose = (callable: unknown): Loose => callable as Loose;

async function thrownBy(run: () => unknown): Promise<unknown> {
  try {
    await run();
    return undefined;
  } catch (error) {
    return error;
  }
}

const show = (value: unknown): string =>
  typeof value === 'object' && value !== null ? Object.prototype.toString.call(value) : String(value).slice(0, 80);

/** What each option takes from among the oddities; all the rest must be refused. */
const isTaken: Record<string, (value: unknown) => boolean> = {
  secret: () => false,
  audience: (value) => value === ' ' || value === 'word' || value === '15 minutes',
  preset: () => false,
  idle: () => false,
  absolute: () => false,
  renewEvery: (value) => value === false,
  renewGrace: () => false,
  touchEvery: () => false,
  maxDataBytes: () => false,
  storeDeadline: () => false,
  keepEnded: () => false,
  persistent: (value) => typeof value === 'boolean',
  identityFields: (value) => Array.isArray(value) && value.length === 0,
  atomic: (value) => Array.isArray(value) && value.length === 0,
  cache: (value) => typeof value === 'boolean' || isEmptyObject(value),
  onConflict: () => false,
  maxPerOwner: () => false,
  revokeEverything: (value) => typeof value === 'boolean',
  recordAddress: (value) => typeof value === 'boolean',
  deviceLabel: (value) => typeof value === 'function',
  audit: (value) => typeof value === 'function',
  onEvent: (value) => typeof value === 'function',
  clock: () => false,
  store: () => false,
  name: (value) => value === 'word',
  crossSite: (value) => typeof value === 'boolean' || isEmptyObject(value),
  insecureHttp: (value) => typeof value === 'boolean',
  onStoreFault: () => false,
  clearSiteData: (value) => value === false || (Array.isArray(value) && value.length === 0),
  log: (value) => typeof value === 'function',
  production: (value) => value === false,
};

/** Not a promise of one: what it would say comes too late. */
function isEmptyObject(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || value instanceof Promise) return false;
  return !Array.isArray(value) && Object.keys(value).length === 0;
}

describe('G10, options that can not be', () => {
  it('the table knows every option of the engine', () => {
    expect(Object.keys(isTaken)).toEqual(expect.arrayContaining([...engineOptionNames]));
  });

  it.each(Object.keys(isTaken))('%s: anything else is refused by name, with what came', async (option) => {
    for (const value of oddities) {
      const error = await thrownBy(() => session({ secret: testSecret, log: () => {}, [option]: value } as never));
      if (isTaken[option]?.(value)) {
        expect(error, show(value)).toBeUndefined();
        continue;
      }
      expect(error, `${option}: ${show(value)}`).toBeInstanceOf(SessionError);
      const { code, message } = error as SessionError;
      expect(code).toMatch(/^ERR_SESSION_(OPTION|SECRET_\w+|STORE_\w+)$/);
      expect(message, show(value)).toContain(option);
      expect(message).toMatch(/expected|required|there is no option/);
      expect(message.length).toBeLessThan(1_000);
      expect(message).not.toContain(testSecret);
    }
  });

  it('a name that is no option is refused, with the one that was meant', async () => {
    for (const [given, meant] of [
      ['secrte', 'secret'],
      ['Idle', 'idle'],
      ['cross_site', 'crossSite'],
      ['touchevery', 'touchEvery'],
    ]) {
      const error = await thrownBy(() => session({ secret: testSecret, [given as string]: 1 } as never));
      expect((error as Error).message).toContain(`Did you mean '${meant}'?`);
    }
    for (const [what, make] of Object.entries({
      memoryStore: () => loose(memoryStore)({ max: 1 }),
      lmdbStore: () => loose(lmdbStore)({ path: '/nowhere', size: 1 }),
      crossSite: () => session({ secret: testSecret, crossSite: { origin: [] } as never }),
      'require()': () => session({ secret: testSecret }).require({ page: '/login' } as never),
    })) {
      const error = await thrownBy(make);
      expect(error, what).toBeInstanceOf(SessionError);
      expect((error as Error).message).toContain(what);
    }
  });

  it('options that are inherited, from a polluted prototype say, set nothing', async () => {
    const polluted = Object.create({ insecureHttp: true, onStoreFault: 'door' }) as { secret: string };
    polluted.secret = testSecret;
    const lines: string[] = [];
    session({ ...polluted, log: (line) => lines.push(line) });
    session(
      Object.assign(Object.create({ insecureHttp: true }), {
        secret: testSecret,
        log: (line: string) => lines.push(line),
      }),
    );
    expect(lines).toEqual([]);
  });

  it('something else in the place of the options is refused', async () => {
    for (const value of oddities) {
      if (isEmptyObject(value)) continue;
      for (const call of [session, memoryStore, lmdbStore]) {
        expect(await thrownBy(() => loose(call)(value)), `${call.name} ${show(value)}`).toBeInstanceOf(SessionError);
      }
    }
  });

  it('a secret or a password in a wrong place does not get into a message', async () => {
    const password = 'hunter2-and-more';
    const mistakes: Record<string, () => unknown> = {
      'the secret as the options': () => loose(session)(testSecret),
      'a connection string as the store': () =>
        session({ secret: testSecret, store: `redis://:${password}@cache` as never }),
      'a secret too short': () => session({ secret: password }),
      'a secret in a list of the same': () => session({ secret: [testSecret, testSecret] }),
      'a secret as memory options': () => loose(memoryStore)(testSecret),
      'a secret as lmdb options': () => loose(lmdbStore)(testSecret),
      'a secret as cross-site options': () => session({ secret: testSecret, crossSite: testSecret as never }),
      'a secret as the name': () => session({ secret: testSecret, name: `${testSecret}!` }),
    };
    for (const [mistake, make] of Object.entries(mistakes)) {
      const error = await thrownBy(make);
      expect(error, mistake).toBeInstanceOf(SessionError);
      expect(`${(error as Error).stack}`, mistake).not.toContain(testSecret);
      expect((error as Error).message, mistake).not.toContain(password);
    }
  });
});

describe('G10, calls that can not be', () => {
  let app: TestApp;
  let held: (use: (session: Session, req: IncomingMessage) => unknown) => Promise<unknown>;

  beforeAll(async () => {
    let use: (session: Session, req: IncomingMessage) => unknown = () => {};
    let result: unknown;
    app = await startApp((target, sessions) => {
      target.get('/use', async (req, res) => {
        if (sessionIn(req).info.owner === undefined) await sessionIn(req).signIn('ada');
        result = await thrownBy(() => use(sessionIn(req), req));
        res.send('used');
      });
      everyVerb(target, sessions);
    });
    held = async (given) => {
      use = given;
      expect((await app.client().get('/use')).status).toBe(200);
      return result;
    };
  });
  afterAll(() => app.close());

  const isFunction = (value: unknown): boolean => typeof value === 'function';
  const isName = (value: unknown): boolean =>
    typeof value === 'string'
      ? value !== '' && value.length <= 512
      : typeof value === 'bigint' || Number.isSafeInteger(value);

  const calls: Record<string, { run: (app: TestApp, value: unknown) => unknown; takes: (value: unknown) => boolean }> =
    {
      list: { run: ({ sessions }, value) => loose(sessions.list)(value), takes: isName },
      'list options': { run: ({ sessions }, value) => loose(sessions.list)('x', value), takes: isEmptyObject },
      'list current': {
        run: ({ sessions }, value) => loose(sessions.list)('x', { current: value }),
        takes: () => false,
      },
      count: { run: ({ sessions }, value) => loose(sessions.count)(value), takes: isName },
      revokeAll: { run: ({ sessions }, value) => loose(sessions.revokeAll)(value), takes: isName },
      'revokeAll options': {
        run: ({ sessions }, value) => loose(sessions.revokeAll)('x', value),
        takes: isEmptyObject,
      },
      'revokeAll except': {
        run: ({ sessions }, value) => loose(sessions.revokeAll)('x', { except: value }),
        takes: () => false,
      },
      'revokeAll reason': {
        run: ({ sessions }, value) => loose(sessions.revokeAll)('x', { reason: value }),
        takes: (value) => value === 'word',
      },
      revoke: { run: ({ sessions }, value) => loose(sessions.revoke)(value), takes: () => false },
      'revoke reason': {
        run: ({ sessions }, value) => loose(sessions.revoke)('A'.repeat(27), value),
        takes: (value) => value === 'word',
      },
      on: { run: ({ sessions }, value) => loose(sessions.on)(value), takes: isFunction },
      require: { run: ({ sessions }, value) => loose(sessions.require)(value), takes: isEmptyObject },
      'require signInPage': {
        run: ({ sessions }, value) => loose(sessions.require)({ signInPage: value }),
        takes: () => false,
      },
      ...Object.fromEntries(
        ['aal', 'freshWithin', 'pendingPage', 'stepUpPage'].map((option) => [
          `require ${option}`,
          {
            run: ({ sessions }: TestApp, value: unknown) => loose(sessions.require)({ [option]: value }),
            takes: () => false,
          },
        ]),
      ),
      'require scope': {
        run: ({ sessions }, value) => loose(sessions.require)({ scope: value }),
        takes: (value) => value === 'word',
      },
      ignoringReads: { run: ({ sessions }, value) => loose(sessions.ignoringReads)(value), takes: isFunction },
      explain: { run: (_app, value) => loose(explain)(value), takes: () => false },
      sessionOf: { run: (_app, value) => loose(sessionOf)(value), takes: () => false },
      'memoryStore maxSessions': {
        run: (_app, value) => loose(memoryStore)({ maxSessions: value }),
        takes: () => false,
      },
      'memoryStore maxBytes': { run: (_app, value) => loose(memoryStore)({ maxBytes: value }), takes: () => false },
      'memoryStore clock': { run: (_app, value) => loose(memoryStore)({ clock: value }), takes: () => false },
      'lmdbStore maxBytes': {
        run: (_app, value) => loose(lmdbStore)({ path: '/dev/null/nowhere', maxBytes: value }),
        takes: () => false,
      },
      'lmdbStore sweepLease': {
        run: (_app, value) => loose(lmdbStore)({ path: '/dev/null/nowhere', sweepLease: value }),
        takes: () => false,
      },
    };

  it.each(Object.entries(calls))('%s refuses what it can not use, by a SessionError', async (_name, { run, takes }) => {
    for (const value of oddities) {
      const error = await thrownBy(() => run(app, value));
      if (takes(value)) expect(error, show(value)).toBeUndefined();
      else expect(error, show(value)).toBeInstanceOf(SessionError);
    }
  });

  const verbs: Record<
    string,
    { run: (session: Session, value: unknown) => unknown; takes: (value: unknown) => boolean }
  > = {
    signIn: { run: (s, value) => loose(s.signIn.bind(s))(value), takes: isName },
    'signIn options': { run: (s, value) => loose(s.signIn.bind(s))('ada', value), takes: isEmptyObject },
    'signIn aal': { run: (s, value) => loose(s.signIn.bind(s))('ada', { aal: value }), takes: () => false },
    'signIn amr': {
      run: (s, value) => loose(s.signIn.bind(s))('ada', { amr: value }),
      takes: (value) => Array.isArray(value) && value.length === 0,
    },
    'signIn keep': {
      run: (s, value) => loose(s.signIn.bind(s))('ada', { keep: value }),
      takes: (value) => Array.isArray(value) && value.length === 0,
    },
    'signIn idle': { run: (s, value) => loose(s.signIn.bind(s))('ada', { idle: value }), takes: () => false },
    'signIn absolute': { run: (s, value) => loose(s.signIn.bind(s))('ada', { absolute: value }), takes: () => false },
    'signIn persistent': {
      run: (s, value) => loose(s.signIn.bind(s))('ada', { persistent: value }),
      takes: (value) => typeof value === 'boolean',
    },
    'signIn startedAt': {
      run: (s, value) => loose(s.signIn.bind(s))('ada', { startedAt: value }),
      takes: (value) => value === 0,
    },
    'signIn pending': {
      run: (s, value) => loose(s.signIn.bind(s))('ada', { pending: value }),
      takes: (value) => value === 'word',
    },
    'elevate options': { run: (s, value) => loose(s.elevate.bind(s))(value), takes: () => false },
    'elevate scope': {
      run: (s, value) => loose(s.elevate.bind(s))({ scope: value }),
      takes: (value) => value === 'word',
    },
    'elevate for': {
      run: (s, value) => loose(s.elevate.bind(s))({ scope: 'x', for: value }),
      takes: () => false,
    },
    'reauthenticate options': { run: (s, value) => loose(s.reauthenticate.bind(s))(value), takes: isEmptyObject },
    'reauthenticate aal': { run: (s, value) => loose(s.reauthenticate.bind(s))({ aal: value }), takes: () => false },
    update: { run: (s, value) => loose(s.update.bind(s))(value), takes: isFunction },
    save: { run: (s, value) => loose(s.save.bind(s))(value), takes: isFunction },
    reload: { run: (s, value) => loose(s.reload.bind(s))(value), takes: isFunction },
    destroy: { run: (s, value) => loose(s.destroy.bind(s))(value), takes: isFunction },
    regenerate: { run: (s, value) => loose(s.regenerate.bind(s))(value), takes: isFunction },
  };

  it.each(Object.entries(verbs))(
    'req.session.%s refuses what it can not use, by a SessionError',
    async (_name, { run, takes }) => {
      for (const value of oddities) {
        const error = await held((live) => run(live, value));
        if (takes(value)) expect(error, show(value)).toBeUndefined();
        else expect(error, show(value)).toBeInstanceOf(SessionError);
      }
    },
  );

  it('a taken name can not be set, nor req.session itself', async () => {
    for (const name of [
      'id',
      'info',
      'cookie',
      'signIn',
      'elevate',
      'credentialChanged',
      'signOut',
      'save',
      'update',
      '__proto__',
    ]) {
      const error = await held((live) => Reflect.set(live, name, {}));
      expect(error, name).toBeInstanceOf(SessionError);
      expect((error as SessionError).code).toBe('ERR_SESSION_NAME_RESERVED');
    }
    for (const value of [{}, [], 'text', 1]) {
      expect(await held((_live, req) => Reflect.set(req, 'session', value))).toBeInstanceOf(SessionError);
    }
  });

  it('data that can not be kept is refused by its path, and the response with it', async () => {
    const cases: [unknown, string][] = [
      [() => {}, 'odd.thing'],
      [Symbol('odd'), 'odd.thing'],
      [new (class Thing {})(), 'odd.thing'],
      [new WeakMap(), 'odd.thing'],
      [new Proxy(() => {}, {}), 'odd.thing'],
    ];
    for (const [value, path] of cases) {
      app.app.get('/odd', () => {});
      const error = await held(async (live) => {
        Reflect.set(live, 'odd', { thing: value });
        try {
          await live.save();
        } finally {
          Reflect.deleteProperty(live, 'odd');
        }
      });
      expect((error as SessionError).code).toBe('ERR_SESSION_DATA_UNSUPPORTED');
      expect((error as SessionError).path).toBe(path);
    }
  });
});
