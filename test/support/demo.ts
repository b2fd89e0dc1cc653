/** The demo as its users run it: a process of its own, asked over HTTP. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { type Answer, Client } from './client.js';

const repository = fileURLToPath(new URL('../..', import.meta.url));

export const ada = { username: 'ada', password: 'correct horse battery staple' };

export type Environment = Readonly<Record<string, string>>;

export interface Demo {
  readonly origin: string;
  readonly port: number;
  /** All lines so far. */
  output(): string;
  client(): Client;
  /** Resolves with the exit code; null after a signal that the process did not handle. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Takes what is to be done when nobody needs a thing any more. */
type AtEnd = (ending: () => Promise<void> | void) => void;

/** A folder that is removed at the end, by default of the test. */
export function dataFolder(atEnd: AtEnd = onTestFinished): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-demo-'));
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** One demo for all tests of a file, or another server that is asked like it. */
export function sharedDemo(env: Environment = {}, server?: string): () => Demo {
  const endings: (() => Promise<void> | void)[] = [];
  let demo: Demo | undefined;
  beforeAll(async () => {
    demo = await startDemo(env, (ending) => endings.push(ending), server);
  });
  afterAll(async () => {
    for (const ending of endings.reverse()) await ending();
  });
  return () => {
    if (demo === undefined) throw new Error('The demo starts before the first test, not earlier.');
    return demo;
  };
}

/** Starts the demo and waits until it listens. It is ended at the end, by default of the test. */
export async function startDemo(
  env: Environment = {},
  atEnd: AtEnd = onTestFinished,
  // Another server can stand in for the demo, to see that tests notice what is wrong with it.
  server = process.env.DEMO_SERVER ?? 'demo/server.ts',
): Promise<Demo> {
  const child = launch({ PORT: '0', DEMO_DATA: env.DEMO_DATA ?? dataFolder(atEnd), ...env }, server);
  const output = collect(child);
  const gone = once(child, 'close');
  const clients: Client[] = [];
  atEnd(async () => {
    for (const client of clients) client.close();
    child.kill('SIGKILL');
    await gone;
  });
  const origin = await new Promise<string>((resolve, reject) => {
    const look = () => {
      const [, url] = / is at (http:\S+)\n/.exec(output()) ?? [];
      if (url !== undefined) resolve(url);
    };
    child.stdout?.on('data', look);
    child.on('close', () => reject(new Error(`The demo did not start:\n${output()}`)));
  });
  const port = Number(new URL(origin).port);
  return {
    origin,
    port,
    output,
    client() {
      // 127.0.0.1 and not localhost, which may be another address family than the one listened on.
      const client = new Client(`http://127.0.0.1:${port}`);
      clients.push(client);
      return client;
    },
    async stop(signal = 'SIGTERM') {
      child.kill(signal);
      const [code] = await gone;
      return code;
    },
  };
}

/** Starts a demo that ends by itself, and answers with its exit code and what it printed. */
export async function runDemo(env: Environment): Promise<{ code: number | null; output: string }> {
  const child = launch(env);
  onTestFinished(() => void child.kill('SIGKILL'));
  const output = collect(child);
  const [code] = await once(child, 'close');
  return { code, output: output() };
}

function launch(env: Environment, server = 'demo/server.ts'): ChildProcess {
  const inherited = { ...process.env };
  // Those of the test runner would change what is tested.
  const servers = ['REDIS_URL', 'DATABASE_URL', 'MONGODB_URL'];
  for (const name of ['NODE_ENV', 'NODE_OPTIONS', 'SESSION_SECRET', 'TRUST_PROXY', 'VITEST', ...servers])
    delete inherited[name];
  return spawn(process.execPath, ['--import', 'tsx', server], {
    cwd: repository,
    env: { ...inherited, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

function collect(child: ChildProcess): () => string {
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
  }
  return () => text;
}

export function postForm(client: Client, path: string, fields: Record<string, string>, headers = {}): Promise<Answer> {
  return client.post(path, {
    body: new URLSearchParams(fields).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'text/html', ...headers },
  });
}

export const signIn = (client: Client): Promise<Answer> => postForm(client, '/login', ada);

export function viewsOf({ text }: Answer): number {
  return Number(/>Views: (\d+)</.exec(text)?.[1]);
}

export interface SessionView {
  readonly id: string;
  readonly owner: string | null;
  readonly views: number | null;
  readonly isNew: boolean;
  readonly aal: number;
  readonly createdAt: string | null;
  readonly authenticatedAt: string | null;
  readonly expiresAt: string | null;
  readonly endsAt: string | null;
}

/** What the demo says of the client's session; asking changes nothing. */
export async function sessionView(client: Client): Promise<SessionView> {
  return (await client.get('/api/session')).json<SessionView>();
}
