/**
 * Real servers for tests: on a free port of the loopback, in a folder of their own, stopped by their process id. When
 * this process ends in whatever way, `kill -9` included, the server and its folder go with it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from './free-port.js';

export interface ServerSettings {
  /** For messages, and for the folder's name. */
  readonly name: string;
  readonly file: string;
  /** Called once for each attempt, with an empty folder; it may write there first. */
  readonly arguments: (port: number, folder: string) => readonly string[];
  /** A line of stdout or stderr that says that connections are accepted. */
  readonly ready: RegExp;
  /** Runs as this user, who then owns the folder. Default: the user of the tests. */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
  readonly env?: NodeJS.ProcessEnv;
}

export interface ServerProcess {
  readonly port: number;
  readonly folder: string;
  /** As by `kill -9`, of its own children too. The folder stays. */
  kill(): Promise<void>;
  /** Starts it again on the same port and folder, after `kill`. */
  restart(): Promise<void>;
  /** Answers nothing until `resume`, with every connection left open. */
  pause(): void;
  resume(): void;
  /** Kills it and removes the folder. */
  stop(): Promise<void>;
}

/** Somebody who is no test may take the port before the server does: then once more with another. */
export async function startServer(settings: ServerSettings): Promise<ServerProcess> {
  for (let attempt = 1; ; attempt++) {
    const server = new Server(settings, await freePort());
    try {
      await server.begin();
      return server;
    } catch (error) {
      await server.stop();
      if (attempt === 5) throw error;
    }
  }
}

/** Ends `$1`, its children and the folder `$2` once stdin is closed, which the end of the process that holds it does. */
const watchdog = `read -r _; kill -9 "$1" $(cat "/proc/$1/task/$1/children" 2>/dev/null); rm -rf "$2"`;

class Server implements ServerProcess {
  readonly port: number;
  readonly folder: string;
  readonly #settings: ServerSettings;
  readonly #arguments: readonly string[];
  #child: ChildProcess | undefined;
  #watchdog: ChildProcess | undefined;

  constructor(settings: ServerSettings, port: number) {
    this.#settings = settings;
    this.port = port;
    this.folder = mkdtempSync(join(tmpdir(), `holdfast-${settings.name}-`));
    if (settings.user) chownSync(this.folder, settings.user.uid, settings.user.gid);
    this.#arguments = settings.arguments(port, this.folder);
  }

  async begin(): Promise<void> {
    const { file, user, env } = this.#settings;
    // A group of its own: Ctrl-C ends the tests, which end it, and not both at once.
    const child = spawn(file, this.#arguments, {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      cwd: this.folder,
      ...user,
      ...(env && { env }),
    });
    this.#child = child;
    if (child.pid !== undefined) {
      const args = ['-c', watchdog, 'watchdog', String(child.pid), this.folder];
      this.#watchdog = spawn('/bin/sh', args, { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
    }
    await ready(child, this.#settings);
  }

  // Bound, so that one of them can be taken off the server and kept.
  readonly restart = (): Promise<void> => this.begin();

  readonly kill = async (): Promise<void> => {
    const [child, dog] = [this.#child, this.#watchdog];
    this.#child = undefined;
    // First, since a process id may come to name another process.
    if (dog && dog.exitCode === null && dog.signalCode === null) {
      dog.kill('SIGKILL');
      await once(dog, 'exit');
    }
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    // 'close' and not 'exit': its children hold its output until the last of them is gone.
    const gone = once(child, 'close');
    signal(child, 'SIGKILL');
    await gone;
  };

  readonly pause = (): void => {
    if (this.#child) signal(this.#child, 'SIGSTOP');
  };

  readonly resume = (): void => {
    if (this.#child) signal(this.#child, 'SIGCONT');
  };

  readonly stop = async (): Promise<void> => {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  };
}

/** To the process first: what has been stopped or killed starts no more children. */
function signal(child: ChildProcess, name: NodeJS.Signals): void {
  const children = childrenOf(child.pid ?? 0);
  child.kill(name);
  for (const pid of new Set([...children, ...childrenOf(child.pid ?? 0)])) {
    try {
      process.kill(pid, name);
    } catch {
      // It has ended by itself.
    }
  }
}

/** Servers with a process for each connection; elsewhere than on Linux they are taken to have one process. */
function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function ready(child: ChildProcess, settings: ServerSettings): Promise<void> {
  return new Promise((resolve, reject) => {
    const said: string[] = [];
    child.once('error', reject);
    child.once('close', (code) => reject(new Error(`${settings.name} ended with ${code}:\n${said.join('\n')}`)));
    for (const stream of [child.stdout, child.stderr]) {
      if (!stream) continue;
      createInterface(stream).on('line', (line) => {
        // The first lines say what went wrong; a server that talks for hours must not fill the memory.
        if (said.length < 200) said.push(line);
        if (settings.ready.test(line)) resolve();
      });
    }
  });
}
