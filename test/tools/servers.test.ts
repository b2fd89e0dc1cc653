import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { startServer } from '../support/server-process.js';
import { repository, tree } from './broken.js';

/** A server that answers with its process id. */
const program = `const { createServer } = require('node:net');
  createServer((socket) => socket.write(String(process.pid))).listen(Number(process.argv[1]), '127.0.0.1', () => console.log('up'));`;

const settings = {
  name: 'echo',
  file: process.execPath,
  arguments: (port: number) => ['-e', program, String(port)],
  ready: /^up$/,
};

async function pidAt(port: number): Promise<number> {
  const socket = connect(port, '127.0.0.1');
  const [said] = await once(socket, 'data');
  socket.destroy();
  return Number(said);
}

test('a test process that is killed takes its servers and their folders with it', async () => {
  const support = JSON.stringify(join(repository, 'test', 'support', 'server-process.ts'));
  const root = tree({
    'package.json': '{ "type": "module" }',
    'run.ts': `import { startServer } from ${support};
      const server = await startServer({ name: 'echo', file: process.execPath, ready: /^up$/,
        arguments: (port) => ['-e', ${JSON.stringify(program)}, String(port)] });
      process.send({ port: server.port, folder: server.folder });
      setInterval(() => undefined, 1000);`,
  });
  const run = fork(join(root, 'run.ts'), { execArgv: ['--import', 'tsx'], cwd: repository });
  const [{ port, folder }] = await once(run, 'message');
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'data');
  socket.on('error', () => undefined);
  const closed = once(socket, 'close');
  run.kill('SIGKILL');
  await closed;
  while (existsSync(folder)) await setImmediate();
});

test('a server is killed, started again where it was, paused and stopped', async () => {
  const server = await startServer(settings);
  const first = await pidAt(server.port);
  await server.kill();
  expect(() => process.kill(first, 0)).toThrow(/ESRCH/);
  expect(existsSync(server.folder)).toBe(true);
  await server.restart();
  const second = await pidAt(server.port);
  expect(second).not.toBe(first);
  server.pause();
  server.resume();
  expect(await pidAt(server.port)).toBe(second);
  await server.stop();
  await server.stop();
  expect(() => process.kill(second, 0)).toThrow(/ESRCH/);
  expect(existsSync(server.folder)).toBe(false);
});

test('a server that does not start says what it said', async () => {
  const broken = { ...settings, arguments: () => ['-e', 'console.error("no such luck"); process.exit(3)'] };
  await expect(startServer(broken)).rejects.toThrow(/echo ended with 3:\nno such luck/);
});
