/**
 * Servers that all test files of a run share, each with names of its own in it. The process that runs the tests starts
 * one when the first file asks for it, and ends them all at the end of the run.
 *
 * As vitest's globalSetup it opens a port at which test files ask; `sharedServer` is how they do.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { needs } from './needs.js';
import { startPostgres } from './postgres-server.js';

interface Shared {
  readonly url: string;
  stop(): Promise<void>;
}

/** How each is started. */
const kinds: Readonly<Record<string, () => Promise<Shared>>> = {
  postgres: () => startPostgres(needs('postgres') ?? '', 'max_connections=400'),
  // A circle of imports otherwise: that file asks here for what this one starts.
  mongodb: async () => (await import('./mongodb-server.js')).startMongodb(),
};

/** Where to ask, for the test processes, which inherit it. */
const variable = 'HOLDFAST_TEST_SERVERS';

let end: (() => Promise<void>) | undefined;

/** Every project of a run calls it; the first one does the work. */
export async function setup(): Promise<void> {
  if (process.env[variable]) return;
  const started = new Map<string, Promise<Shared>>();
  const desk = createServer((req, res) => {
    const name = req.url?.slice(1) ?? '';
    const start = kinds[name];
    const server = started.get(name) ?? start?.() ?? Promise.reject(new Error(`there is no server '${name}'`));
    started.set(name, server);
    server.then(
      ({ url }) => res.end(url),
      (error) => res.writeHead(500).end(String(error)),
    );
  }).listen(0, '127.0.0.1');
  await once(desk, 'listening');
  process.env[variable] = String((desk.address() as AddressInfo).port);
  end = async () => {
    delete process.env[variable];
    desk.close();
    for (const server of await Promise.allSettled(started.values())) {
      if (server.status === 'fulfilled') await server.value.stop();
    }
  };
}

export const teardown = async (): Promise<void> => void (await end?.());

/** The URL of a server that the whole run shares. */
export async function sharedServer(name: string): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${process.env[variable]}/${name}`);
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
  return text;
}
