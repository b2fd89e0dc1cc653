/**
 * A walk over all sessions: SCAN on one primary after the other, and a GET for each key that is found. SCAN looks at
 * every key of the server, whosever it is, so a page may be empty while the walk goes on.
 *
 * SCAN promises that what stays is met, on one server, as long as that server lives. So a page ends with the question
 * which server it was (run_id), and a walk in a cluster begins and ends with the question which slots each primary has:
 * if a server restarted or failed over, or slots moved, sessions may have been missed, and the walk rejects instead of
 * ending. Whoever needs all begins again.
 */
import { createHash } from 'node:crypto';
import { SessionError } from '../../core/errors.js';
import type { SessionId } from '../../core/ids.js';
import { type Ended, isEnded, type StoredEntry, type StoredRecord } from '../../core/store.js';
import { idOf, type Keys } from './layout.js';
import type { RedisPort } from './port.js';

const keysAtATime = 500;
/** Of a shared server: so many keys are looked at before an empty page is given. */
const scansAPage = 50;

/** Where a walk stands. */
interface Position {
  /** Which slots are where, at the beginning; '' outside of a cluster. */
  readonly layout: string;
  readonly server: number;
  /** Of the server that the cursor belongs to; '' before its first page. */
  readonly run: string;
  readonly at: string;
}

const start = { server: 0, run: '', at: '0' } as const;

export async function scanPage(
  port: RedisPort,
  keys: Keys,
  read: (id: SessionId) => Promise<StoredRecord | Ended | undefined>,
  cursor: string | undefined,
): Promise<{ entries: StoredEntry[]; cursor?: string }> {
  const servers = [...port.primaries()].sort();
  let position = cursor === undefined ? { ...start, layout: await layoutOf(port, servers) } : parse(cursor);
  const found = new Set<SessionId>();
  for (let scans = 0; found.size === 0 && scans < scansAPage && position.server < servers.length; scans++) {
    position = await scan(port, keys, servers[position.server] ?? '', position, found);
  }
  const entries: StoredEntry[] = [];
  await Promise.all(
    Array.from(found, async (id) => {
      const record = await read(id);
      if (record && !isEnded(record)) entries.push({ id, record });
    }),
  );
  if (position.server < servers.length) return { entries, cursor: Object.values(position).join(' ') };
  if (position.layout !== (await layoutOf(port, servers))) throw broken('slots moved');
  return { entries };
}

async function scan(
  port: RedisPort,
  keys: Keys,
  address: string,
  { layout, server, run, at }: Position,
  found: Set<SessionId>,
): Promise<Position> {
  const before = run === '' ? await runOf(port, address) : run;
  const reply = await port.command(address, ['SCAN', at, 'MATCH', keys.pattern(), 'COUNT', String(keysAtATime)]);
  if (before !== (await runOf(port, address))) throw broken('a server was restarted or replaced');
  const [next, names] = reply as [unknown, unknown[]];
  for (const name of names) {
    const id = idOf(String(name));
    if (String(name) === keys.session(id)) found.add(id);
  }
  return String(next) === '0'
    ? { layout, ...start, server: server + 1 }
    : { layout, server, run: before, at: String(next) };
}

async function runOf(port: RedisPort, address: string): Promise<string> {
  return /run_id:(\w+)/.exec(String(await port.command(address, ['INFO', 'server'])))?.[1] ?? '';
}

/** What each primary says that it holds, as a digest. A slot that is just moving, in square brackets, is in no one place. */
async function layoutOf(port: RedisPort, servers: readonly string[]): Promise<string> {
  if (!port.cluster) return '-';
  const held = await Promise.all(
    servers.map(async (address) => {
      const nodes = String(await port.command(address, ['CLUSTER', 'NODES'])).split('\n');
      const [name, , flags, , , , , , ...slots] = nodes.find((line) => line.includes('myself'))?.split(' ') ?? [];
      if (!flags?.includes('master')) throw broken('a server is no longer a primary');
      if (slots.some((slot) => slot.startsWith('['))) throw broken('slots are moving');
      return [name, ...slots].join(' ');
    }),
  );
  return createHash('sha1').update(held.sort().join('\n')).digest('hex');
}

function parse(cursor: string): Position {
  const [layout = '', server = '', run = '', at = ''] = cursor.split(' ');
  if (!/^(?:-|[0-9a-f]{40})$/.test(layout) || !/^\d{1,4}$/.test(server) || !/^\w*$/.test(run) || !/^\d+$/.test(at)) {
    throw new SessionError('ERR_SESSION_ARGUMENT', 'redisStore: scan: expected a cursor that scan gave.', {
      outcome: 'not-applied',
    });
  }
  return { layout, server: Number(server), run, at };
}

function broken(why: string): SessionError {
  return new SessionError(
    'ERR_SESSION_STORE_UNAVAILABLE',
    `redisStore: scan: ${why} during the walk, so sessions may have been missed. Begin again without a cursor.`,
    { outcome: 'not-applied' },
  );
}
