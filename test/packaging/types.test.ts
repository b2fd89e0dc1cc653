import { describe, expect, test } from 'vitest';
import { compilers, consumer } from './consumer.js';

const types = ['@types/node', '@types/express'];
const strict = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noEmit: true,
  skipLibCheck: false,
  types: ['node'],
  target: 'es2022',
};

const config = (options: object): string =>
  JSON.stringify({ compilerOptions: { ...strict, ...options }, include: ['*.ts', '*.mts', '*.cts'] });

const app = `import express from 'express';
import { memoryStore, session, SessionError, type SessionOptions } from 'holdfast';
import { lmdbStore } from 'holdfast/stores/lmdb';

const options: SessionOptions = { secret: ['x'.repeat(32)], store: memoryStore() };
export const app = express();
app.use(session(options));
app.use(session({ secret: 'x'.repeat(32), store: lmdbStore({ path: './data' }) }));

export const codeOf = (error: unknown): \`ERR_SESSION_\${string}\` | undefined =>
  error instanceof SessionError ? error.code : undefined;
// @ts-expect-error An option that does not exist is refused at compile time.
session({ secret: 'x'.repeat(32), sekret: true });
`;

/** Without `holdfast/types` nothing global changes. */
const unaugmented = `${app}
// @ts-expect-error
app.get('/', (req) => req.session);
`;

describe.each(Object.entries(compilers()))('with %s', (_, tsc) => {
  const check = (files: Record<string, string>, links: readonly string[] = types) => {
    const { status, stdout } = consumer(files, [...links, 'lmdb']).node(tsc, '-p', '.', '--pretty', 'false');
    return { status, stdout };
  };
  const clean = { status: 0, stdout: '' };

  test('module node16 reads the declarations of each format', () => {
    const files = { 'app.mts': unaugmented, 'app.cts': unaugmented };
    expect(check({ ...files, 'tsconfig.json': config({ module: 'node16', esModuleInterop: true }) })).toEqual(clean);
  });

  test('moduleResolution bundler reads the declarations', () => {
    const options = { module: 'esnext', moduleResolution: 'bundler' };
    expect(check({ 'app.ts': unaugmented, 'tsconfig.json': config(options) })).toEqual(clean);
  });

  test('beside @types/express-session nothing clashes, with library checks on', () => {
    const both = `${app}
import expressSession from 'express-session';
app.use(expressSession({ secret: 'x' }));
app.get('/', (req) => req.session.regenerate(() => {}));
`;
    const options = config({ module: 'node16', esModuleInterop: true });
    expect(check({ 'app.mts': both, 'tsconfig.json': options }, [...types, '@types/express-session'])).toEqual(clean);
  });

  test('importing holdfast/types by choice gives every request its session', () => {
    const augmented = `${app}
import 'holdfast/types';
app.get('/', (req, res) => {
  const id: string | undefined = req.session.id;
  res.json(id);
});
`;
    const options = config({ module: 'node16', esModuleInterop: true });
    expect(check({ 'app.mts': augmented, 'tsconfig.json': options })).toEqual(clean);
  });

  test('what code written for express-session touches is typed, and what it can not have is refused', () => {
    const familiar = `${app}
import 'holdfast/types';
app.use(session({ secret: 'x'.repeat(32), resave: false, saveUninitialized: false, unset: 'destroy', cookie: { maxAge: 60_000, secure: 'auto' } }));
app.use(session({ secret: 'x'.repeat(32), cookie: (req) => ({ maxAge: req.url === '/' ? 1_000 : null }) }));
// @ts-expect-error
session({ secret: 'x'.repeat(32), resave: true });
// @ts-expect-error
session({ secret: 'x'.repeat(32), cookie: { httpOnly: false } });
app.post('/', (req, res, next) => {
  req.session.cookie.maxAge = 60_000;
  req.session.cookie.expires = new Date(Date.now() + 60_000);
  req.session.cookie.expires = false;
  const left: number | null = req.session.cookie.maxAge;
  // @ts-expect-error
  req.session.cookie.httpOnly = true;
  const id: string = req.sessionID;
  req.sessionStore.get(id, (error, data) => (error ? next(error) : res.json({ left, data })));
  req.sessionStore.destroy('x').then(() => {});
  req.session = null;
  req.session = undefined;
  // @ts-expect-error
  req.session = {};
});
const signedOut = (req: import('express').Request): string | null => {
  req.session = null;
  return req.session.info.owner ?? null;
};
export { signedOut };
`;
    const options = config({ module: 'node16', esModuleInterop: true });
    for (const file of ['app.mts', 'app.cts']) {
      expect(check({ [file]: familiar, 'tsconfig.json': options })).toEqual(clean);
    }
  });

  test("an app's own keys, declared once, are typed everywhere", () => {
    const keys = `${app}
import 'holdfast/types';
import { sessionOf } from 'holdfast';
declare module 'holdfast' {
  interface SessionData {
    views: number;
  }
}
app.get('/', (req) => {
  const views: number | undefined = req.session.views;
  const same: number | undefined = sessionOf(req).views;
  // @ts-expect-error
  const wrong: string | undefined = req.session.views;
  return [views, same, wrong];
});
`;
    const options = config({ module: 'node16', esModuleInterop: true });
    for (const file of ['app.mts', 'app.cts']) {
      expect(check({ [file]: keys, 'tsconfig.json': options })).toEqual(clean);
    }
  });

  test('a wrong type is found: the checks above can fail', () => {
    const wrong = "import { session } from 'holdfast';\nexport const no: number = session;\n";
    const { status, stdout } = check({ 'app.mts': wrong, 'tsconfig.json': config({ module: 'node16' }) });
    expect(status).not.toBe(0);
    expect(stdout).toContain('app.mts(2,14)');
  });
});
