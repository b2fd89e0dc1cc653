/** The load by autocannon, as a process: `autocannon.ts <port> <requests file> <seconds>` prints the line that load.ts reads. */
import { readFileSync } from 'node:fs';

interface Request {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
}

/** The part of autocannon that is used here; it is installed only where wrk is not. */
type Autocannon = (options: {
  url: string;
  connections: number;
  duration: number;
  setupClient(client: { setRequests(requests: readonly Request[]): void }): void;
}) => Promise<{
  requests: { total: number };
  duration: number;
  latency: { p50: number; p99: number };
  non2xx: number;
  errors: number;
  timeouts: number;
}>;

interface Prepared extends Request {
  readonly cookies: readonly string[];
  readonly draws: readonly number[];
  readonly connections: number;
}

/** How many requests a connection goes through before it starts over; each connection has its own stretch of the draws. */
const stretch = 2_048;

const [port = '', file = '', seconds = ''] = process.argv.slice(2);
const { method, path, headers, cookies, draws, connections }: Prepared = JSON.parse(readFileSync(file, 'utf8'));
const withCookie = cookies.map((cookie) => ({ method, path, headers: { ...headers, Cookie: cookie } }));
const stranger = [{ method, path, headers }];
let from = 0;

const name = 'autocannon';
const { default: autocannon } = (await import(name)) as { default: Autocannon };
const result = await autocannon({
  url: `http://127.0.0.1:${port}`,
  connections,
  duration: Number(seconds),
  setupClient(client) {
    const drawn = draws.slice(from, from + stretch).flatMap((draw) => withCookie[draw] ?? []);
    from = (from + stretch) % draws.length;
    client.setRequests(cookies.length === 0 ? stranger : drawn);
  },
});
const { latency, non2xx, errors, timeouts } = result;
const line = {
  requests: result.requests.total,
  seconds: result.duration,
  p50Ms: latency.p50,
  p99Ms: latency.p99,
  non2xx,
  broken: errors + timeouts,
};
console.log(`BENCH ${JSON.stringify(line)}`);
