/** One app in a process of its own, one server, and the link between them. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Client } from '../support/client.js';
import type { ServerProcess } from '../support/server-process.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import type { Backend, Return } from './servers.js';

/** The `storeDeadline` of the app. */
export const deadlineMs = 1_000;

export interface Scene<Server extends ServerProcess = ServerProcess> {
  readonly server: Server;
  /** Starts the server again after it was killed. */
  readonly comeBack: (how: Return) => Promise<void>;
  readonly link: TcpProxy;
  /** The app answers from memory too. */
  readonly remembers: boolean;
  /** A browser at the app. */
  client(): Client;
  /** One in which `begin` was done while all was well, at an instance that has all the time that a busy machine takes. */
  prepared(begin: (client: Client) => Promise<unknown>): Promise<Client>;
  /** What the app wrote to stderr, and how it ended, if it did. */
  health(): { readonly exit: number | string | undefined; readonly stderr: string };
  close(): Promise<void>;
}

export async function openScene<Server extends ServerProcess>(backend: Backend<Server>): Promise<Scene<Server>> {
  const server = await backend.start();
  const link = await TcpProxy.to(server.port);
  const app = await startChild(backend.client, link.port);
  const clients: Client[] = [];
  const clientAt = (origin: string): Client => {
    const client = new Client(origin);
    clients.push(client);
    return client;
  };
  return {
    server,
    async comeBack(how) {
      const start = backend.returns[how];
      if (!start) throw new Error(`${backend.title} does not come back ${how}`);
      await start(server);
    },
    link,
    remembers: backend.remembers,
    health: app.health,
    client: () => clientAt(app.origin),
    async prepared(begin) {
      const before = clientAt(app.patient.origin);
      await begin(before);
      const client = clientAt(app.origin);
      const token = before.jar.get(app.patient.cookieName);
      if (token === undefined) throw new Error('no session was begun');
      client.jar.set(app.cookieName, token);
      return client;
    },
    async close() {
      for (const client of clients) client.close();
      await app.stop();
      await link.close();
      await server.stop();
    },
  };
}

interface Instance {
  readonly origin: string;
  readonly cookieName: string;
}

interface Ready extends Instance {
  readonly patient: Instance;
}

async function startChild(kind: string, port: number) {
  const child: ChildProcess = fork(fileURLToPath(new URL('./child.ts', import.meta.url)), [kind, String(port)], {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  let exit: number | string | undefined;
  const exited = new Promise<void>((resolve) =>
    child.once('exit', (code, signal) => {
      exit = code ?? signal ?? undefined;
      resolve();
    }),
  );
  const ready = await new Promise<Ready>((resolve, reject) => {
    child.on('message', (message) => {
      if (typeof message === 'object' && 'origin' in message) resolve(message as Ready);
    });
    void exited.then(() => reject(new Error(`the app ended before it listened:\n${stderr}`)));
  });
  return {
    ...ready,
    health: () => ({ exit, stderr }),
    async stop() {
      if (exit === undefined) child.disconnect();
      await exited;
    },
  };
}
