/**
 * `npm run bench:outage`: the same requests while a real Redis server fails, to an app on express-session and connect-redis
 * and to one on holdfast, each in a process of its own. It prints what came and how long it took, up to 10 s; what is
 * promised of holdfast is demanded in test/chaos, not here. A word of a fault's name runs that one alone.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { Client } from '../test/support/client.js';
import { findProgram } from '../test/support/programs.js';
import { type RedisServer, startRedis } from '../test/support/redis-server.js';
import { TcpProxy } from '../test/support/tcp-proxy.js';
import { repository, versionOf } from './prepare.js';

const hangMs = 10_000;

interface Contender {
  readonly name: string;
  readonly file: string;
  args(port: number): string[];
  /** Makes a session. */
  readonly begin: string;
  readonly keyPattern: string;
}

const contenders: readonly Contender[] = [
  {
    name: 'connect-redis, no error listener',
    file: 'bench/outage-peer.ts',
    args: (port) => [`${port}`, 'does-not'],
    begin: '/put',
    keyPattern: 'sess:*',
  },
  {
    name: 'connect-redis',
    file: 'bench/outage-peer.ts',
    args: (port) => [`${port}`, 'listens'],
    begin: '/put',
    keyPattern: 'sess:*',
  },
  {
    name: 'holdfast',
    file: 'test/chaos/child.ts',
    args: (port) => ['redis', `${port}`],
    begin: '/sign-in/ada',
    keyPattern: 'holdfast:*:s:*',
  },
];

interface Stage {
  readonly server: RedisServer;
  readonly link: TcpProxy;
  readonly key: string;
}

/** A fault, and the same request right after it and again when it is known. */
const faults: readonly (readonly [name: string, strike: (stage: Stage) => unknown])[] = [
  ['none', () => undefined],
  ['killed with -9', ({ server }) => server.kill()],
  ['paused (SIGSTOP)', ({ server }) => server.pause()],
  ['link half open', ({ link }) => link.stall()],
  ['the record is a list', ({ server, key }) => instead(server, key, 'RPUSH', 'a')],
  ['the record is text', ({ server, key }) => instead(server, key, 'SET', 'not a session')],
  ['the record is foreign JSON', ({ server, key }) => instead(server, key, 'SET', '{"cookie":{"originalMaxAge":"x"}}')],
];

async function instead(server: RedisServer, key: string, command: string, value: string): Promise<void> {
  await server.command('DEL', key);
  await server.command(command, key, value);
}

async function ask(client: Client, method: string, path: string): Promise<string> {
  const began = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const hung = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`no answer in ${hangMs / 1_000} s`), hangMs);
  });
  const asked = client.send(method, path).then(
    ({ status }) => `${status} after ${((performance.now() - began) / 1_000).toFixed(1)} s`,
    () => 'connection lost',
  );
  const answer = await Promise.race([asked, hung]);
  clearTimeout(timer);
  return answer;
}

async function start({ file, args }: Contender, port: number): Promise<{ child: ChildProcess; origin: string }> {
  const child = fork(`${repository}/${file}`, args(port), {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const origin = await new Promise<string>((resolve, reject) => {
    child.on('message', (message) => resolve((message as { origin: string }).origin));
    child.once('exit', () => reject(new Error(`${file} ended before it listened`)));
  });
  return { child, origin };
}

async function row(binary: string, contender: Contender, [fault, strike]: (typeof faults)[number]): Promise<string> {
  const server = await startRedis(binary);
  const link = await TcpProxy.to(server.port);
  const { child, origin } = await start(contender, link.port);
  const client = new Client(origin);
  try {
    await client.post(contender.begin);
    const [key = ''] = (await server.command('KEYS', contender.keyPattern)) as string[];
    await strike({ server, link, key });
    const cells = [
      await ask(client, 'POST', '/me'),
      await ask(client, 'POST', '/me'),
      await ask(client, 'GET', '/public'),
    ];
    const fate = child.exitCode === null && child.signalCode === null ? 'lives' : 'has crashed';
    return `| ${[fault, contender.name, ...cells, fate].join(' | ')} |`;
  } finally {
    client.close();
    if (child.connected) child.disconnect();
    else child.kill('SIGKILL');
    await link.close();
    await server.stop();
  }
}

async function main(): Promise<void> {
  const binary = findProgram('redis-server');
  if (!binary) throw new Error('redis-server was not found; npm run services installs it.');
  console.log(
    `connect-redis ${versionOf('connect-redis')}, express-session ${versionOf('express-session')}, redis ${versionOf('redis')}; holdfast with a deadline of 1 s\n`,
  );
  console.log('| fault | app | POST with a session | the same again | GET of a public page | process |');
  console.log('|---|---|---|---|---|---|');
  const [word = ''] = process.argv.slice(2);
  for (const fault of faults.filter(([name]) => name.includes(word))) {
    for (const contender of contenders) console.log(await row(binary, contender, fault));
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
