/**
 * Sessions are begun through the app, and it is proved that they are read and written, before anything is measured.
 * Prevents: a fast row that is fast because its cookies were refused.
 */
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { connections, headers } from './load.js';
import { firstCount, planOf, sessionCount } from './sessions.js';

interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly value: unknown;
}

export class Visitor {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: connections });
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  ask(method: string, path: string, cookie?: string): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          agent: this.#agent,
          host: '127.0.0.1',
          port: this.#port,
          method,
          path,
          headers: { ...headers, ...(cookie === undefined ? {} : { Cookie: cookie }) },
          timeout: 10_000,
        },
        (response) => {
          let body = '';
          response.setEncoding('utf8').on('data', (chunk: string) => {
            body += chunk;
          });
          response.on('error', reject).on('end', () => {
            try {
              const value = response.statusCode === 503 ? undefined : JSON.parse(body).value;
              resolve({ status: response.statusCode ?? 0, headers: response.headers, value });
            } catch {
              reject(new Error(`${method} ${path} answered ${response.statusCode}: ${body.slice(0, 300)}`));
            }
          });
        },
      );
      sent.on('error', reject).on('timeout', () => sent.destroy(new Error(`${method} ${path}: no answer in 10 s`)));
      sent.end();
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** What outlives a minute or the browser: holdfast's second cookie, of five seconds, is gone when somebody reads on. */
function lastingCookies(headers: IncomingHttpHeaders): string[] {
  return (headers['set-cookie'] ?? [])
    .filter((line) => Number(/; *max-age=(\d+)/i.exec(line)?.[1] ?? Number.POSITIVE_INFINITY) > 60)
    .map((line) => line.split(';', 1)[0] ?? '');
}

/** Begins every session by a request to the app; answers the `Cookie` header of each, made from its own `Set-Cookie`. */
export async function beginSessions(visitor: Visitor, count = sessionCount): Promise<string[]> {
  const cookies: string[] = new Array(count);
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let n = next++; n < count; n = next++) {
      let reply = await visitor.ask('POST', `/begin/${n}`);
      // A store that has just started may be too slow for the first crowd, and holdfast's breaker then refuses for a
      // quarter of a second; nothing is measured yet.
      for (let again = 0; again < 20 && reply.status === 503; again++) {
        await new Promise((resolve) => setTimeout(resolve, 500));
        reply = await visitor.ask('POST', `/begin/${n}`);
      }
      const pairs = lastingCookies(reply.headers);
      if (reply.status !== 200 || pairs.length === 0) {
        throw new Error(`POST /begin/${n} answered ${reply.status} with ${pairs.length} cookies.`);
      }
      cookies[n] = pairs.join('; ');
    }
  };
  await Promise.all(Array.from({ length: connections }, worker));
  if (new Set(cookies).size !== count) throw new Error('Two sessions were given the same cookie.');
  return cookies;
}

const samplesOf = (count: number) =>
  [...new Set([0, 1, 2, 3, 10, 99, 1_000, 5_000, count - 1])].filter((n) => n < count);

/** Throws unless sessions are read, written and kept apart, and strangers and forged cookies have none. */
export async function prove(visitor: Visitor, cookies: readonly string[]): Promise<void> {
  const expect = async (what: string, method: string, path: string, cookie: string | undefined, value: unknown) => {
    const reply = await visitor.ask(method, path, cookie);
    if (reply.status === 200 && reply.value === value) return reply;
    throw new Error(`${what}: expected 200 with ${value}, got ${reply.status} with ${reply.value}.`);
  };
  for (const n of samplesOf(cookies.length)) {
    // As a browser does: what a response sets is what the next request carries.
    let cookie = cookies[n];
    const go = async (what: string, method: string, path: string, value: unknown) => {
      const reply = await expect(what, method, path, cookie, value);
      const set = lastingCookies(reply.headers);
      if (set.length > 0) cookie = set.join('; ');
    };
    await go(`session ${n} read`, 'GET', '/read', planOf(n));
    await go(`session ${n} written`, 'POST', '/write', firstCount + 1);
    await go(`session ${n} written again`, 'POST', '/write', firstCount + 2);
    await go(`session ${n} read after a write`, 'GET', '/read', planOf(n));
  }
  const stranger = await expect('a stranger', 'GET', '/read', undefined, null);
  if (stranger.headers['set-cookie'] !== undefined) throw new Error('A stranger who only looked was given a cookie.');
  const forged = cookies[0]?.replace(/=.{12}/, (start) => `=${[...start.slice(1)].reverse().join('')}`);
  await expect('a forged cookie', 'GET', '/read', forged, null);
}
