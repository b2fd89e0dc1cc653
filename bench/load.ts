/** The load generator, in a process of its own: wrk where it is installed (the lightest), else autocannon. */
import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const connections = 32;

export interface Requests {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** One for each session; none for strangers. */
  readonly cookies: readonly string[];
  /** Which cookie each request carries, over and over. */
  readonly draws: readonly number[];
}

export interface Loaded {
  readonly requests: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly non2xx: number;
  /** Connections and requests that failed without an answer. */
  readonly broken: number;
}

export interface Generator {
  readonly name: string;
  /** Writes what `run` reads, once for all rounds. */
  prepare(folder: string, requests: Requests): string;
  /** For so many seconds, or parts of one. */
  run(port: number, prepared: string, seconds: number): Promise<Loaded>;
}

/** As a browser sends them to a page's own origin. Every configuration is sent the same. */
export const headers: Readonly<Record<string, string>> = {
  Accept: 'application/json',
  'Accept-Language': 'en-GB,en;q=0.9',
  'Sec-Fetch-Site': 'same-origin',
  'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64) holdfast-bench',
};

const script = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

/** Its version, or undefined where it is not installed. wrk answers `-v` with its usage and a failure. */
export function wrkVersion(): string | undefined {
  const { stdout, error } = spawnSync('wrk', ['-v'], { encoding: 'utf8' });
  return error ? undefined : (/^wrk (\S+)/.exec(stdout)?.[1] ?? 'of unknown version');
}

export function findGenerator(): Generator {
  const version = wrkVersion();
  return version === undefined ? autocannon : wrk(version);
}

function wrk(version: string): Generator {
  return {
    name: `wrk ${version}`,
    prepare(folder, { method, path, cookies, draws }) {
      const file = join(folder, 'requests.txt');
      const named = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
      const drawn = cookies.length === 0 ? [0] : draws;
      const lines = [method, path, named.length, ...named, cookies.length, ...cookies, ...drawn];
      writeFileSync(file, `${lines.join('\n')}\n`);
      return file;
    },
    async run(port, prepared, seconds) {
      // wrk knows whole seconds only; an interrupt ends it earlier, with its figures for the time that it had.
      const whole = Number.isInteger(seconds) ? seconds : Math.ceil(seconds) + 1;
      const options = ['-t1', `-c${connections}`, `-d${whole}s`, '-s', script('wrk.lua')];
      const args = [...options, `http://127.0.0.1:${port}`, '--', prepared];
      return resultLine<Loaded>(await output('wrk', args, whole, whole === seconds ? undefined : seconds));
    },
  };
}

const autocannon: Generator = {
  name: 'autocannon',
  prepare(folder, { method, path, cookies, draws }) {
    const file = join(folder, 'requests.json');
    writeFileSync(file, JSON.stringify({ method, path, headers, cookies, draws, connections }));
    return file;
  },
  async run(port, prepared, seconds) {
    const args = ['--import', 'tsx', script('autocannon.ts'), String(port), prepared, String(seconds)];
    return resultLine<Loaded>(await output(process.execPath, args, seconds));
  },
};

/** What a load generator says at its end. */
export function resultLine<Result>(printed: string): Result {
  const line = /^BENCH (\{.*\})$/m.exec(printed)?.[1];
  if (line === undefined) throw new Error(`The load generator printed no result:\n${printed.slice(-2_000)}`);
  return JSON.parse(line);
}

/** What wrk.lua says when it has read its file: from here on an interrupt ends wrk in its own order. */
const readyLine = 'ready\n';

function output(command: string, args: readonly string[], seconds: number, interruptAfter?: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: (seconds + 30) * 1_000 });
    let printed = '';
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      if (chunk !== readyLine) process.stderr.write(chunk);
      else if (interruptAfter !== undefined) setTimeout(() => child.kill('SIGINT'), interruptAfter * 1_000);
    });
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      printed += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(printed);
      else reject(new Error(`${command} ended with ${code}:\n${printed.slice(-2_000)}`));
    });
  });
}
