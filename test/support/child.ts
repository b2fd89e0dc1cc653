import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface ChildApp {
  readonly origin: string;
  readonly cookieName: string;
  close(): Promise<void>;
}

/** Starts child-app.ts, and resolves once it listens. */
export async function startChildApp(folder: string): Promise<ChildApp> {
  const child: ChildProcess = fork(fileURLToPath(new URL('./child-app.ts', import.meta.url)), [folder], {
    execArgv: ['--import', 'tsx'],
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const ready = await new Promise<{ origin: string; cookieName: string }>((resolve, reject) => {
    child.once('message', (message) => resolve(message as { origin: string; cookieName: string }));
    child.once('error', reject);
    void exited.then(() => reject(new Error('the child ended before it listened')));
  });
  return {
    ...ready,
    async close() {
      child.disconnect();
      await exited;
    },
  };
}
