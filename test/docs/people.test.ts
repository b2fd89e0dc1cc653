import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { blocksOf } from '../../scripts/check-docs.js';
import type { SessionSummary } from '../../src/index.js';
import { Client } from '../support/client.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const [code = ''] = blocksOf(readFileSync(join(root, 'docs/guides/people.md'), 'utf8')).map((block) => block.code);

let folder: string;
let child: ChildProcess;
let origin: string;
const clients: Client[] = [];

beforeEach(async () => {
  mkdirSync(join(root, '.tmp'), { recursive: true });
  folder = mkdtempSync(join(root, '.tmp', 'people-'));
  const listening = code.replace(
    'app.listen(3000);',
    "const up = app.listen(0, '127.0.0.1', () => console.log('port', (up.address() as { port: number }).port));",
  );
  expect(listening).not.toBe(code);
  writeFileSync(join(folder, 'server.ts'), listening);
  child = spawn(process.execPath, ['--import', 'tsx', 'server.ts'], {
    cwd: folder,
    env: { ...process.env, NODE_ENV: '', AUDIT_LOG: join(folder, 'audit.ndjson') },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  origin = await new Promise((resolve, reject) => {
    child.stdout?.setEncoding('utf8').on('data', (said: string) => {
      const [, port] = /^port (\d+)$/m.exec(said) ?? [];
      if (port !== undefined) resolve(`http://127.0.0.1:${port}`);
    });
    child.once('exit', () => reject(new Error("the guide's server ended")));
  });
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  child.kill();
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  rmSync(folder, { recursive: true, force: true });
});

const userAgent = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';
const browser = () => {
  const client = new Client(origin);
  clients.push(client);
  return client;
};
const page = (client: Client, path: string) => client.get(path, { headers: { accept: 'text/html' } });
const send = (client: Client, path: string, fields: Record<string, string>) =>
  client.post(path, {
    headers: { accept: 'text/html', 'content-type': 'application/x-www-form-urlencoded', 'user-agent': userAgent },
    body: new URLSearchParams(fields).toString(),
  });

async function signIn(client: Client, password = 'correct horse'): Promise<void> {
  expect((await page(client, '/account')).headers.location).toBe('/login?next=%2Faccount');
  const first = await send(client, '/login', { name: 'ada', password, next: '/account' });
  expect(first.headers.location).toBe('/login/code');
  expect((await page(client, '/account')).headers.location).toBe('/login/code?next=%2Faccount');
  expect((await send(client, '/login/code', { code: '123456' })).headers.location).toBe('/account');
  expect((await page(client, '/account')).text).toBe('Hello ada');
}

test('the app of docs/guides/people.md does what its text says', async () => {
  const [laptop, phone] = [browser(), browser()];
  expect((await send(laptop, '/login', { name: 'ada', password: 'wrong' })).status).toBe(401);
  await signIn(laptop);
  await signIn(phone);

  const devices = (await laptop.get('/devices')).json<SessionSummary[]>();
  expect(devices.map(({ device, address, current }) => [device, address, current])).toEqual([
    ['Firefox on Linux', '127.0.0.0/24', true],
    ['Firefox on Linux', '127.0.0.0/24', false],
  ]);

  expect((await send(laptop, '/password', { password: 'new' })).headers.location).toBe('/prove');
  expect((await send(laptop, '/prove', { password: 'correct horse', next: '/account' })).headers.location).toBe(
    '/account',
  );
  expect((await send(laptop, '/password', { password: 'battery staple' })).headers.location).toBe('/account');
  expect((await page(laptop, '/account')).text).toBe('Hello ada');
  expect((await page(phone, '/account')).headers.location).toBe('/login?next=%2Faccount');
  expect((await page(phone, '/login?next=//evil.example')).text).toBe(
    'You were signed out because your password or another way to sign in was changed. Please sign in. Afterwards: /',
  );
  expect((await send(phone, '/login', { name: 'ada', password: 'correct horse' })).status).toBe(401);

  await signIn(phone, 'battery staple');
  const there = (await laptop.get('/devices')).json<SessionSummary[]>().find(({ current }) => !current);
  expect((await send(laptop, '/devices/end', { id: 'A'.repeat(27) })).status).toBe(404);
  expect((await send(laptop, '/devices/end', { id: there?.id ?? '' })).headers.location).toBe('/devices');
  expect((await page(phone, '/account')).status).toBe(303);
  await signIn(phone, 'battery staple');
  await send(phone, '/devices/end-others', {});
  expect((await page(laptop, '/account')).status).toBe(303);
  expect((await phone.get('/devices')).json<SessionSummary[]>()).toHaveLength(1);
  expect((await send(phone, '/logout', {})).headers['clear-site-data']).toBe('"cache", "storage"');
  expect((await page(phone, '/account')).status).toBe(303);

  // No request waits for its line.
  const actions = () => {
    const audit = readFileSync(join(folder, 'audit.ndjson'), 'utf8').split('\n').slice(0, -1);
    return audit.map((line) => (JSON.parse(line) as { action: string }).action);
  };
  for (const action of ['sign-in-step', 'sign-in', 'elevation', 'credential-changed', 'session-ended', 'sign-out'])
    await expect.poll(actions).toContain(action);
});
