import { inspect } from 'node:util';
import type { Express } from 'express';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SessionId } from '../../src/core/ids.js';
import { createKeyring } from '../../src/core/keyring.js';
import { hashSecret, newSecret, TokenCodec } from '../../src/core/token.js';
import { SessionError, type Sessions } from '../../src/index.js';
import { sessionIn, startApp, type TestApp, testSecret } from '../support/app.js';
import type { Answer, Client } from '../support/client.js';
import { FakeClock } from '../support/fake-clock.js';
import { leaksIn, spellings } from '../support/leaks.js';
import { bearing, everyVerb, type Me, tokenOf } from '../support/routes.js';
import { type Spy, spyOn } from '../support/spy-store.js';
import { type OpenStore, storeKinds } from '../support/stores.js';

const minute = 60_000;

/** Whatever a logger or a debugger may make of a value. */
function printed(value: unknown): string {
  const deep = inspect(value, {
    depth: Number.POSITIVE_INFINITY,
    showHidden: true,
    getters: true,
    maxStringLength: null,
    maxArrayLength: null,
  });
  return [
    deep,
    inspect(value),
    json(value),
    String(value instanceof Error ? `${value.stack} ${value.message}` : ''),
  ].join('\n');
}

function json(value: unknown): string {
  try {
    return JSON.stringify(value) ?? '';
  } catch {
    return '';
  }
}

describe.each(storeKinds)('G11, secrets stay out of sight: $name', (kind) => {
  let opened: OpenStore;
  let spy: Spy;
  let clock: FakeClock;
  let app: TestApp;
  /** All that came out, in the order in which it did. */
  let out: string[];
  let secrets: Record<string, string | Uint8Array>;

  const emit = (value: unknown): void => void out.push(typeof value === 'string' ? value : printed(value));

  const routes = (target: Express, sessions: Sessions): void => {
    target.all('/{*any}', (req, res, next) => {
      emit(sessions.explain(req));
      try {
        const session = sessionIn(req);
        void [session.id, session.info.signal];
        emit(session);
        emit(session.info);
        emit(session.info.signal);
        emit(session.cookie);
        emit({ ...session });
      } catch (error) {
        emit(error);
      }
      res.on('finish', () => emit(sessions.explain(req)));
      next();
    });
    everyVerb(target, sessions);
    target.get('/fails', () => {
      throw new SessionError('ERR_SESSION_ENDED', 'thrown by a test');
    });
    target.use((error: unknown, _req: unknown, _res: unknown, next: (error: unknown) => void) => {
      emit(error);
      next(error);
    });
  };

  beforeEach(async () => {
    out = [];
    secrets = { 'app secret': testSecret };
    const keys = createKeyring([testSecret]).newest;
    for (const purpose of ['token', 'record', 'csrf', 'owner'] as const)
      secrets[`${purpose} key`] = keys[purpose].export();
    for (const method of ['log', 'warn', 'error', 'info', 'debug'] as const) {
      vi.spyOn(console, method).mockImplementation((...args) => args.forEach(emit));
    }
    vi.spyOn(process, 'emitWarning').mockImplementation((...args) => args.forEach(emit));
    opened = await kind.open();
    spy = spyOn(opened.store);
    clock = new FakeClock();
    app = await startApp(routes, {
      store: spy.store,
      clock,
      preset: 'aal2',
      log: (line) => emit(line),
      onEvent: (event) => emit(event),
    });
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await app.close();
    await opened.remove();
  });

  function remember(name: string, token: string): void {
    const secret = Buffer.from(token, 'base64url').subarray(21, 53);
    Object.assign(secrets, {
      [`${name}: token`]: token,
      [`${name}: secret`]: secret,
      [`${name}: secret hash`]: hashSecret(secret),
    });
    secrets[`${name}: mac`] = Buffer.from(token, 'base64url').subarray(53);
  }

  let step = 0;
  async function ask(client: Client, method: string, path: string, body?: unknown): Promise<Answer> {
    const answer = await client.send(method, path, body === undefined ? {} : { body });
    const { 'set-cookie': _setCookie, ...headers } = answer.headers;
    emit(answer.text);
    emit(headers);
    for (const token of client.jar.values()) if (token.length >= 92) remember(`${++step} ${path}`, token);
    return answer;
  }
  async function pass(ms: number): Promise<void> {
    await spy.settled();
    clock.advance(ms);
    await spy.settled();
  }

  it('whatever is done, nothing that comes out but the cookie itself has a secret in it', async () => {
    const client = app.client();
    await ask(client, 'POST', '/put', { cart: ['tea'] });
    await ask(client, 'POST', '/sign-in/ada', { keep: ['cart'] });
    const stale = bearing(app, tokenOf(client));
    await ask(client, 'POST', '/update', { views: 1 });
    await ask(client, 'POST', '/put', { role: 'admin' });
    await ask(client, 'POST', '/reauthenticate', { aal: 2 });
    await ask(client, 'POST', '/save');
    await ask(client, 'POST', '/reload');
    const { id } = (await ask(client, 'GET', '/me')).json<Me & { id: SessionId }>();
    await ask(stale, 'GET', '/me');
    await ask(stale, 'POST', '/put', { late: true });
    await ask(client, 'GET', '/fails');
    await ask(client, 'POST', '/put', { id: 'taken' });
    await ask(client, 'POST', '/put', { __proto__: null, big: 'x'.repeat(70_000) });

    // Renewal, and what comes of a copied cookie.
    await pass(15 * minute);
    const copied = bearing(app, tokenOf(client));
    await ask(client, 'GET', '/me');
    await ask(client, 'GET', '/me');
    await pass(2 * minute);
    await ask(copied, 'GET', '/guarded');
    await ask(client, 'GET', '/guarded');

    // Refusals.
    const other = app.client();
    await ask(other, 'POST', '/sign-in/grace');
    const token = tokenOf(other);
    const forger = new TokenCodec(createKeyring([testSecret]), 'app');
    const forged = forger.write((await ask(other, 'GET', '/me')).json<Me & { id: SessionId }>().id, newSecret());
    for (const text of [
      `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`,
      'junk',
      forged,
      `${token}; ${app.cookieName}=${forged}`,
    ]) {
      await ask(bearing(app, text), 'GET', '/me');
    }
    emit(await app.sessions.list('grace'));
    emit(await app.sessions.revoke(id).catch((error: unknown) => error));
    for (const wrong of [token, token.slice(0, 40), { token }, [token]]) {
      emit(await app.sessions.revoke(wrong as string).catch((error: unknown) => error));
      emit(await app.sessions.revoke(id, wrong as string).catch((error: unknown) => error));
    }

    // Faults, with the record in the store's hands.
    for (const operation of ['read', 'update', 'end', 'replace', 'touch']) {
      spy.around = (called, run) => {
        if (called === operation) throw new Error(`${operation} is down`);
        return run();
      };
      await ask(other, 'POST', operation === 'end' ? '/signOut' : operation === 'replace' ? '/sign-in/ada' : '/put', {
        at: operation,
      });
      spy.around = undefined;
      await pass(300);
      await ask(other, 'GET', '/public');
    }
    emit(await app.sessions.revokeAll('grace'));
    await ask(other, 'GET', '/me');
    await ask(other, 'POST', '/signOut');
    await ask(other, 'POST', '/destroy');

    for (const value of [app.sessions, spy.store, opened.store, app.events, app.lines, clock]) emit(value);
    expect(step).toBeGreaterThan(25);
    expect(out.join('\n').length).toBeGreaterThan(50_000);
    expect(leaksIn(out.join('\n'), secrets)).toEqual([]);
  });

  it('a request and a response that are printed whole show no secret beyond the cookie headers that they are', async () => {
    let shown = '';
    const deep = { depth: 12, showHidden: true, maxStringLength: null, maxArrayLength: null } as const;
    app.app.get('/print', (req, res) => {
      void sessionIn(req).id;
      shown = inspect(req, deep) + inspect(res, deep) + inspect(req) + inspect(res);
      res.send('printed');
    });
    const client = app.client();
    await client.post('/sign-in/ada');
    remember('own', tokenOf(client));
    await pass(16 * minute);
    const before = tokenOf(client);
    await client.get('/print');
    remember('successor', tokenOf(client));
    expect(tokenOf(client)).not.toBe(before);
    // The request has the cookie as text in its headers: that is the browser's own. Nothing else may be in there.
    const { 'own: token': _own, ...others } = secrets;
    expect(leaksIn(shown.replaceAll(before, ''), others)).toEqual([]);
  });

  it('the search itself finds what is there, in every spelling', () => {
    const secret = newSecret();
    for (const text of spellings(secret))
      expect(leaksIn(Buffer.from(`..${text}..`, 'latin1'), { secret })).toEqual(['secret']);
    expect(leaksIn(inspect({ a: { secret } }), { secret })).toEqual(['secret']);
    expect(leaksIn(JSON.stringify({ secret }), { secret })).toEqual(['secret']);
    expect(
      leaksIn(JSON.stringify({ secret: Buffer.concat([Buffer.from('ab'), secret]).toString('base64url') }), { secret }),
    ).toEqual(['secret']);
  });
});
