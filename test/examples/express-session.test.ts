/** examples/express-session as its reader starts it: a process of its own, on each store, over HTTP and in a browser. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { sharedBrowser } from '../support/browser.js';
import { Client } from '../support/client.js';
import { mongodb, sharedMongodb } from '../support/mongodb-server.js';
import { needs } from '../support/needs.js';
import { startRedis } from '../support/redis-server.js';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const example = join(repository, 'examples', 'express-session');
const secrets = {
  SESSION_SECRET: 'a-c00kie-0ne-f0r-tests-Zq8wV2nL5xK7pY3m',
  SESSION_STORE_SECRET: 'a-st0re-0ne-f0r-tests-mT4cW9xJ6rP2kY8v',
};

interface Running {
  readonly origin: string;
  stop(): Promise<void>;
}

/** A copy of the example, inside the repository so that it finds its packages, with the line that chooses the store changed. */
function copyWith(store: string): string {
  mkdirSync(join(repository, '.tmp'), { recursive: true });
  const folder = mkdtempSync(join(repository, '.tmp', 'example-'));
  onStop.push(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(example, folder, { recursive: true });
  const server = join(folder, 'server.ts');
  const text = readFileSync(server, 'utf8');
  const line = "import { redis as openStore } from './stores.js';";
  expect(text).toContain(line);
  writeFileSync(server, text.replace(line, line.replace('redis', store)));
  return folder;
}

const onStop: (() => unknown)[] = [];
afterAll(async () => {
  for (const stop of onStop.reverse()) await stop();
});

const started = (folder: string, env: Record<string, string>): ChildProcess =>
  spawn(process.execPath, ['--import', 'tsx', join(folder, 'server.ts')], {
    cwd: repository,
    env: { PATH: process.env.PATH ?? '', PORT: '0', SESSIONS: join(folder, 'sessions'), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });

async function start(folder: string, env: Record<string, string>): Promise<Running> {
  const child = started(folder, { ...secrets, ...env });
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    await gone;
  };
  onStop.push(stop);
  const said: string[] = [];
  child.stderr?.on('data', (chunk: Buffer) => said.push(String(chunk)));
  const origin = await new Promise<string>((resolve, reject) => {
    child.once('exit', () => reject(new Error(`the example ended:\n${said.join('')}`)));
    if (child.stdout) createInterface(child.stdout).on('line', (line) => line.startsWith('http') && resolve(line));
  });
  return { origin, stop };
}

const redisServer = needs('redis-server');
const chromium = needs('chromium');

const kinds: Record<string, (() => Promise<Record<string, string>>) | undefined> = {
  redis:
    redisServer === undefined
      ? undefined
      : async () => {
          const server = await startRedis(redisServer);
          onStop.push(() => server.stop());
          return { REDIS_URL: `redis://127.0.0.1:${server.port}` };
        },
  mongodb: mongodb === undefined ? undefined : async () => ({ MONGODB_URL: await sharedMongodb() }),
  lmdb: async () => ({}),
};

const form = (client: Client, path: string, fields: Record<string, string> = {}, headers = {}) =>
  client.post(path, {
    body: new URLSearchParams(fields).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
  });
const signIn = (client: Client, password = 'correct horse battery staple') =>
  form(client, '/login', { name: 'ada', password });

const names = Object.keys(kinds).filter((name) => kinds[name]);
describe.each(names)('the example on %s', (name) => {
  let folder: string;
  let env: Record<string, string>;
  let app: Running;
  const client = (): Client => {
    const made = new Client(app.origin.replace('localhost', '127.0.0.1'));
    onTestFinished(() => made.close());
    return made;
  };

  beforeAll(async () => {
    env = (await kinds[name]?.()) ?? {};
    folder = copyWith(name);
    app = await start(folder, env);
  });

  it('who signs in is signed in, under a new id, and the id from before is worth nothing', async () => {
    const person = client();
    expect((await person.get('/')).text).toContain('Views: 1');
    const planted = person.copy();
    const answer = await signIn(person);
    expect([answer.status, answer.headers.location]).toEqual([303, '/']);
    const home = (await person.get('/')).text;
    expect(home).toContain('Signed in as ada.');
    expect(home).toContain('Views: 2');
    expect((await planted.get('/')).text).not.toContain('Signed in');
  });

  it('who signs out is signed out for good, and the cookie goes', async () => {
    const person = client();
    await signIn(person);
    const copied = person.copy();
    const answer = await form(person, '/logout');
    expect(answer.setCookies.some((line) => /^sid=;.*Expires=Thu, 01 Jan 1970/.test(line))).toBe(true);
    expect((await copied.get('/')).text).not.toContain('Signed in');
  });

  it('sessions outlive a restart', async () => {
    const person = client();
    await signIn(person);
    await app.stop();
    app = await start(folder, env);
    const again = new Client(app.origin.replace('localhost', '127.0.0.1'), person.jar);
    onTestFinished(() => again.close());
    expect((await again.get('/')).text).toContain('Signed in as ada.');
  });

  it('a person ends another session of theirs, and nobody else’s', async () => {
    const [phone, laptop] = [client(), client()];
    await signIn(phone);
    await signIn(laptop);
    const ids = [...(await laptop.get('/')).text.matchAll(/\/sessions\/([\w-]{27})\/end/g)].map(([, id]) => id ?? '');
    expect(ids.length).toBeGreaterThanOrEqual(1);
    expect((await form(client(), `/sessions/${ids[0]}/end`)).status).toBe(404);
    for (const id of ids) await form(laptop, `/sessions/${id}/end`);
    expect((await phone.get('/')).text).not.toContain('Signed in');
    expect((await laptop.get('/')).text).toContain('Signed in as ada.');
  });

  it('no page shows the half of the cookie that opens the session', async () => {
    const person = client();
    await signIn(person);
    const sid = /s%3A([^.]+)/.exec(person.cookie)?.[1] ?? 'no cookie';
    expect(sid.length).toBeGreaterThan(20);
    expect((await person.get('/')).text).not.toContain(sid);
  });

  it('a wrong password, a GET and a form on another site sign nobody in', async () => {
    const person = client();
    expect((await signIn(person, 'wrong')).status).toBe(401);
    expect((await person.get('/login?name=ada')).status).toBe(404);
    const elsewhere = await form(person, '/login', { name: 'ada' }, { 'sec-fetch-site': 'cross-site' });
    expect(elsewhere.status).toBe(403);
    expect((await person.get('/')).text).not.toContain('Signed in');
  });
});

it.each(Object.keys(secrets))('without %s it does not start, and says how to make one', async (name) => {
  const env: Record<string, string> = { ...secrets };
  delete env[name];
  const child = started(example, env);
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said += String(chunk);
  });
  const [code] = await once(child, 'close');
  expect([code, said]).toEqual([1, expect.stringContaining(`${name} is required`)]);
});

describe.runIf(chromium)('the example in a browser', () => {
  const newContext = sharedBrowser(chromium ?? '');

  it('a person counts views, signs in, stays signed in, and signs out', async () => {
    const name = redisServer ? 'redis' : 'lmdb';
    const app = await start(copyWith(name), (await kinds[name]?.()) ?? {});
    const context = await newContext();
    const page = await context.newPage();
    await page.goto(app.origin);
    await page.reload();
    expect(await page.getByText(/^Views:/).textContent()).toBe('Views: 2');
    await page.getByLabel('Name').fill('ada');
    await page.getByLabel('Password').fill('correct horse battery staple');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('Signed in as ada.').waitFor();
    expect(await page.getByText(/^Views:/).textContent()).toBe('Views: 3');
    await page.reload();
    expect(await page.getByText('(this one)').count()).toBe(1);
    const [cookie] = await context.cookies();
    expect(cookie).toMatchObject({ name: 'sid', httpOnly: true, sameSite: 'Lax' });
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('button', { name: 'Sign in' }).waitFor();
    expect((await context.cookies()).map(({ value }) => value)).not.toContain(cookie?.value);
  });
});
