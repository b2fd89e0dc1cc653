/**
 * A load that does not wait for answers: requests go out at a fixed rate, and each one's latency counts from the moment
 * that it was due, whether or not a connection was free then. Prevents: a server that stalls and is forgiven, because the
 * load stalled with it ("coordinated omission").
 *
 * `paced.ts <port> <requests file> <seconds> <rate> [patience]` prints the line that tail.ts reads.
 */
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { percentileOf } from './statistics.js';

interface Prepared {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly cookies: readonly string[];
  readonly draws: readonly number[];
}

const connections = 64;
/** Answers after the schedule's end by more than this were not in time: the server had fallen behind. */
const graceMs = 100;
/** Between two looks at the clock this process sleeps: a spinning one would take the core that the store needs. */
const napMs = 0.1;

/** `patience`: how long the last answers are waited for, beyond the end of the schedule (ms). */
const [port = '', file = '', seconds = '', rate = '', patience = '2000'] = process.argv.slice(2);
const patienceMs = Number(patience);
const { method, path, headers, cookies, draws }: Prepared = JSON.parse(readFileSync(file, 'utf8'));
const requestWith = (cookie?: string): Buffer => {
  const all = { Host: `127.0.0.1:${port}`, ...headers, ...(cookie === undefined ? {} : { Cookie: cookie }) };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  const length = method === 'POST' ? 'Content-Length: 0\r\n' : '';
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}${length}\r\n`);
};
const requests = cookies.length === 0 ? [requestWith()] : cookies.map(requestWith);
const requestAt = (n: number): Buffer => requests[(draws[n % draws.length] ?? 0) % requests.length] ?? requestWith();

interface Due {
  readonly n: number;
  /** The moment from which its latency counts. */
  readonly due: number;
  /** It was sent once, on a connection that the server had just closed. */
  again?: true;
}

interface Connection {
  readonly socket: Socket;
  /** The request that it carries; none: it is free. */
  carries: Due | undefined;
  text: string;
}

const total = Math.round(Number(seconds) * Number(rate));
const latencies = new Float64Array(total);
let [sent, answered, inTime, bad, broken] = [0, 0, 0, 0, 0];
const waiting: Due[] = [];
const open = new Set<Connection>();
/** The one that has been free longest goes first: no connection is left idle for longer than the rate asks for. */
const free: Connection[] = [];

function onData(connection: Connection, chunk: Buffer): void {
  connection.text += chunk.toString('latin1');
  const end = connection.text.indexOf('\r\n\r\n');
  if (end === -1) return;
  const length = Number(/content-length: *(\d+)/i.exec(connection.text.slice(0, end))?.[1] ?? Number.NaN);
  if (Number.isNaN(length)) throw new Error(`an answer without a length:\n${connection.text.slice(0, end)}`);
  if (connection.text.length < end + 4 + length) return;
  const now = performance.now();
  if (connection.carries !== undefined) latencies[answered++] = now - connection.carries.due;
  if (now <= last + graceMs) inTime++;
  if (!connection.text.startsWith('HTTP/1.1 2')) bad++;
  connection.text = '';
  connection.carries = undefined;
  free.push(connection);
  dispatch();
}

/**
 * A server closes a connection that has been idle for a while (Node: five seconds), and may do so in the moment in which
 * a request is sent on it. As a browser does, that request is then sent once more, on a connection that is new; it keeps
 * the moment at which it was due.
 * Prevents: a run of more than five seconds that loses answers, and calls the server slow for it.
 */
function onClose(connection: Connection): void {
  const { carries, text } = connection;
  open.delete(connection);
  const at = free.indexOf(connection);
  if (at !== -1) free.splice(at, 1);
  const again =
    carries !== undefined && text === '' && !carries.again ? { ...carries, again: true as const } : undefined;
  if (carries !== undefined && again === undefined) broken++;
  if (answered + broken < total) connectOne(again).catch(() => void broken++);
}

function send(connection: Connection, one: Due): void {
  connection.carries = one;
  connection.socket.write(requestAt(one.n));
}

function dispatch(): void {
  while (waiting.length > 0 && free.length > 0) {
    const next = waiting.shift();
    const connection = free.shift();
    if (next === undefined || connection === undefined) return;
    send(connection, next);
  }
}

async function connectOne(first?: Due): Promise<void> {
  const socket = connect(Number(port), '127.0.0.1');
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  socket.setNoDelay(true);
  const connection: Connection = { socket, carries: undefined, text: '' };
  // The server's end of it is the end of it; what an error broke off, 'close' sees to.
  socket.on('data', (chunk) => onData(connection, chunk)).on('error', () => undefined);
  socket.on('end', () => socket.destroy()).on('close', () => onClose(connection));
  open.add(connection);
  if (first !== undefined) return send(connection, first);
  free.push(connection);
  dispatch();
}

await Promise.all(Array.from({ length: connections }, () => connectOne()));

const cell = new Int32Array(new SharedArrayBuffer(4));
const everyMs = 1_000 / Number(rate);
const start = performance.now() + 20;
const last = start + total * everyMs;

function tick(): void {
  const now = performance.now();
  for (; sent < total && start + sent * everyMs <= now; sent++) waiting.push({ n: sent, due: start + sent * everyMs });
  dispatch();
  if (answered + broken >= total || now > last + patienceMs) return finish();
  Atomics.wait(cell, 0, 0, napMs);
  setImmediate(tick);
}

function finish(): void {
  // What has not been answered by now took at least as long as it has waited.
  const now = performance.now();
  let known = answered;
  for (const one of [...waiting, ...[...open].map(({ carries }) => carries)]) {
    if (one !== undefined) latencies[known++] = now - one.due;
  }
  const sorted = latencies.subarray(0, known).sort();
  const [p50Ms = 0, p99Ms = 0, p999Ms = 0] = [0.5, 0.99, 0.999].map((share) => percentileOf(sorted, share));
  const line = { due: total, answered, inTime, bad, broken, p50Ms, p99Ms, p999Ms, maxMs: sorted[known - 1] ?? 0 };
  console.log(`BENCH ${JSON.stringify(line)}`);
  process.exit();
}

tick();
