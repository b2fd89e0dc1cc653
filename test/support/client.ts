import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import type { Socket } from 'node:net';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The Set-Cookie lines of this response. */
  readonly setCookies: readonly string[];
  json<T>(): T;
}

export interface Ask {
  readonly headers?: Record<string, string | string[]>;
  /** An object is sent as JSON. */
  readonly body?: unknown;
  /** Sent instead of the jar's cookies. */
  readonly cookie?: string;
}

/** Servers cut connections that were left alone, by default for 5 s, and a request must not meet that cut. */
const aMomentMs = 1_000;

/** Keeps connections alive as browsers do, but uses none again that was left alone. */
class FreshAgent extends Agent {
  readonly #freeSince = new WeakMap<object, number>();
  readonly #usedAgainWithinMs: number;

  constructor(usedAgainWithinMs: number) {
    super({ keepAlive: true });
    this.#usedAgainWithinMs = usedAgainWithinMs;
    this.on('free', (socket: Socket) => this.#freeSince.set(socket, performance.now()));
  }

  dropStale(): void {
    for (const socket of Object.values(this.freeSockets).flatMap((sockets) => sockets ?? [])) {
      if (performance.now() - (this.#freeSince.get(socket) ?? 0) > this.#usedAgainWithinMs) socket.destroy();
    }
  }
}

/** A browser's cookie jar and nothing more, over real sockets. */
export class Client {
  readonly #origin: URL;
  readonly #agent: FreshAgent;
  readonly jar = new Map<string, string>();

  /** `usedAgainWithinMs`: connections that were left alone for longer are not used again; infinite for one that must be. */
  constructor(origin: string, cookies: Iterable<readonly [string, string]> = [], usedAgainWithinMs = aMomentMs) {
    this.#origin = new URL(origin);
    this.#agent = new FreshAgent(usedAgainWithinMs);
    for (const [name, value] of cookies) this.jar.set(name, value);
  }

  get cookie(): string {
    return [...this.jar].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  /** Another tab, device or thief that starts with the same cookies. */
  copy(): Client {
    return new Client(this.#origin.href, this.jar);
  }

  get(path: string, ask?: Ask): Promise<Answer> {
    return this.send('GET', path, ask);
  }

  post(path: string, ask?: Ask): Promise<Answer> {
    return this.send('POST', path, ask);
  }

  send(method: string, path: string, { headers = {}, body, cookie = this.cookie }: Ask = {}): Promise<Answer> {
    const payload = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
    this.#agent.dropStale();
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          host: this.#origin.hostname,
          port: this.#origin.port,
          agent: this.#agent,
          method,
          path,
          headers: {
            ...(cookie === '' ? {} : { cookie }),
            ...(payload === undefined
              ? {}
              : { 'content-length': Buffer.byteLength(payload), 'content-type': 'application/json' }),
            ...headers,
          },
        },
        (res) => {
          const chunks: Buffer[] = [];
          res.on('data', (chunk: Buffer) => chunks.push(chunk));
          res.on('error', reject);
          res.on('aborted', () => reject(new Error('the response was cut')));
          res.on('end', () => {
            const setCookies = res.headers['set-cookie'] ?? [];
            for (const line of setCookies) this.#keep(line);
            const text = Buffer.concat(chunks).toString();
            resolve({
              status: res.statusCode ?? 0,
              headers: res.headers,
              text,
              setCookies,
              json: () => JSON.parse(text),
            });
          });
        },
      );
      sent.on('error', reject);
      sent.end(payload);
    });
  }

  close(): void {
    this.#agent.destroy();
  }

  #keep(line: string): void {
    const [pair = ''] = line.split(';', 1);
    const at = pair.indexOf('=');
    const [name, value] = [pair.slice(0, at), pair.slice(at + 1)];
    const [, expires] = /;\s*expires=([^;]+)/i.exec(line) ?? [];
    if (/;\s*max-age=0/i.test(line) || (expires !== undefined && Date.parse(expires) < Date.now()))
      this.jar.delete(name);
    else this.jar.set(name, value);
  }
}
