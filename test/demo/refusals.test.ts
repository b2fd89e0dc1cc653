import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { ada, dataFolder, postForm, runDemo, sessionView, sharedDemo, signIn, startDemo } from '../support/demo.js';

const demo = sharedDemo();

const evil = { origin: 'https://evil.example' };

test.each([
  ['signs nobody in', '/login', ada],
  ['signs nobody out', '/logout', {}],
])('a form on another site %s, and the refusal names the option', async (_, path, fields) => {
  const client = demo().client();
  if (path === '/logout') await signIn(client);
  const before = await sessionView(client);
  for (const headers of [evil, { ...evil, 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-site' }]) {
    const answer = await postForm(client, path, fields as Record<string, string>, headers);
    expect(answer.status).toBe(403);
    expect(answer.text).toContain('crossSite');
    expect(answer.setCookies).toEqual([]);
  }
  expect((await sessionView(client)).owner).toBe(before.owner);
});

test('in production the refusal does not show what is meant for the developer', async () => {
  const secret = 'a-s3cret-0f-th3-t3sts-qVJm8tZbQ2wXe5Lr';
  const client = (await startDemo({ NODE_ENV: 'production', SESSION_SECRET: secret })).client();
  const answer = await postForm(client, '/login', ada, evil);
  expect(answer.status).toBe(403);
  expect(answer.text).toContain('came from a page of another site');
  expect(answer.text).not.toContain('crossSite');
});

test.each([
  ['a broken body', 'application/json', '{"username":', 400],
  ['an encoding that nobody knows', 'application/x-www-form-urlencoded; charset=klingon', 'a=b', 415],
  ['a body that is too large', 'application/json', JSON.stringify({ username: 'x'.repeat(10_000) }), 413],
])('%s gets its own status, and nothing of the inside', async (_, type, body, status) => {
  const answer = await demo()
    .client()
    .post('/login', { body, headers: { 'content-type': type, accept: 'text/html' } });
  expect(answer.status).toBe(status);
  expect(answer.text).toContain('The request could not be understood.');
  expect(answer.text).not.toMatch(/node_modules|\bat \w+ \(|SyntaxError|klingon/);
});

test('fields that are no text count as empty', async () => {
  const client = demo().client();
  for (const body of [{ username: ['ada'], password: { $ne: '' } }, [], 'null', '"ada"', '7']) {
    const { status } = await client.post('/login', { body });
    expect([401, 400], JSON.stringify(body)).toContain(status);
  }
});

test('production without a secret does not start, and two lines say how to make one', async () => {
  const { code, output } = await runDemo({ NODE_ENV: 'production', PORT: '0', DEMO_DATA: dataFolder() });
  expect(code).toBe(1);
  const lines = output.trimEnd().split('\n');
  expect(lines).toHaveLength(3);
  expect(lines[0]).toBe('secret: required in production.');
  expect(lines[1]).toMatch(/^Make one with: {2}node -e /);
  expect(lines[2]).toMatch(/^and pass it in: {2}session\(\{ secret: process\.env\.SESSION_SECRET/);
});

test('a port that is taken is one clear line and exit code 1', async () => {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const { code, output } = await runDemo({ PORT: String(port), DEMO_DATA: dataFolder() });
  server.close();
  expect(code).toBe(1);
  const lines = output.trimEnd().split('\n');
  expect(lines.filter((line) => !line.startsWith('holdfast: no secret given'))).toEqual([
    `Port ${port} is taken. Stop what runs there, or choose another: PORT=3001 npm start`,
  ]);
});
