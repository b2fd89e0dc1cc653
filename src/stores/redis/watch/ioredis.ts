/**
 * Links through ioredis: it drops the push messages of RESP3 that are not of a subscription, so a link is two connections
 * in RESP2, to the same server: one that reads and is tracked, and one that is subscribed to `__redis__:invalidate`, to
 * which the server redirects the notices of the first (CLIENT TRACKING ON REDIRECT).
 *
 * Order between the two is not the server's to keep, and need not be. A notice for a read is sent after the read ran, so
 * a listener hears it after it sent the read: before the answer arrives, or after it. Both are what the contract allows.
 * A heartbeat asks on both: the first says that the server tracks still, the second, behind every notice that was sent
 * before, that they have been heard. If either connection is lost, so is the link.
 *
 * Neither reconnects, queues while it is offline or sends a command again: each would be a read that the server does not
 * track, or notices that nobody receives.
 */
import type { IoredisClient } from '../port.js';
import { beatOn, type Fleet, type Link, type LinkEvents } from './link.js';

/** `Redis` of ioredis. */
export interface IoredisConnection extends IoredisClient {
  readonly options?: { readonly host?: string; readonly port?: number };
  readonly stream?: { unref?: () => unknown; destroy?: () => unknown };
  duplicate(overrides: object): IoredisConnection;
  connect(): Promise<unknown>;
  disconnect(): void;
  on(event: string, listener: (...values: unknown[]) => void): unknown;
}

/** `Cluster` of ioredis. */
export interface IoredisClusterConnections {
  /** The address of each slot's primary, then those of its replicas. */
  readonly slots: readonly (readonly string[] | undefined)[];
  nodes(role: 'master'): IoredisConnection[];
}

export const ioredisFleet = (client: IoredisConnection): Fleet => ({
  cluster: false,
  primaries: () => [''],
  ownerOf: () => '',
  open: (_, events, signal) => open(client, false, events, signal),
});

export function ioredisClusterFleet(cluster: IoredisClusterConnections): Fleet {
  const addressOf = ({ options }: IoredisConnection): string => `${options?.host}:${options?.port}`;
  return {
    cluster: true,
    primaries: () => cluster.nodes('master').map(addressOf),
    ownerOf: (slot) => cluster.slots[slot]?.[0],
    async open(address, events, signal) {
      const node = cluster.nodes('master').find((master) => addressOf(master) === address);
      if (!node) throw new Error('the client no longer knows the server');
      return await open(node, true, events, signal);
    },
  };
}

const overrides = {
  protocol: 2,
  replyMapping: undefined,
  lazyConnect: true,
  enableOfflineQueue: false,
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  reconnectOnError: null,
  readOnly: false,
  retryStrategy: () => null,
  sentinelRetryStrategy: () => null,
} as const;

async function open(
  client: IoredisConnection,
  cluster: boolean,
  { heard, lost }: LinkEvents,
  signal: AbortSignal,
): Promise<Link> {
  const reads = client.duplicate(overrides);
  // ioredis puts the prefix before channels too.
  const notices = client.duplicate({ ...overrides, keyPrefix: '' });
  let open = true;
  const close = (): void => {
    open = false;
    for (const connection of [reads, notices]) {
      connection.disconnect();
      // It only says goodbye, which a server that hangs never answers.
      connection.stream?.destroy?.();
    }
  };
  const end = (): void => {
    if (!open) return;
    close();
    lost();
  };
  for (const connection of [reads, notices]) {
    for (const event of ['error', 'close', 'end']) connection.on(event, end);
  }
  notices.on('messageBuffer', (_, keys) => {
    // Keys of one notice; null after FLUSHALL and FLUSHDB.
    for (const key of Array.isArray(keys) ? keys : [keys]) heard(key);
  });
  const beat = async (): Promise<string> => {
    const [now] = await Promise.all([beatOn(sendOn(reads), cluster), notices.callBuffer('ping')]);
    return now;
  };
  signal.addEventListener('abort', close, { once: true });
  try {
    await Promise.all([reads.connect(), notices.connect()]);
    const [one, other, id, epoch] = await Promise.all([
      serverOf(reads),
      serverOf(notices),
      notices.callBuffer('CLIENT', 'ID'),
      beatOn(sendOn(reads), cluster),
    ]);
    // Through Sentinel, the two may have met different servers, where the number names somebody else's connection.
    if (one !== other) throw new Error('its connections lead to different servers');
    await notices.callBuffer('subscribe', '__redis__:invalidate');
    await reads.callBuffer('CLIENT', 'TRACKING', 'ON', 'REDIRECT', String(id));
    if (!open) throw new Error('the connection was lost');
    // The app's own connection decides how long the process lives.
    for (const { stream } of [reads, notices]) stream?.unref?.();
    return { epoch, get: (key) => reads.callBuffer('GET', key), beat, close };
  } catch (error) {
    open = false;
    close();
    throw error;
  } finally {
    signal.removeEventListener('abort', close);
  }
}

const sendOn =
  (connection: IoredisConnection) =>
  ([command, ...args]: Parameters<IoredisClient['callBuffer']>[1][]): Promise<unknown> =>
    connection.callBuffer(String(command), ...args);

async function serverOf(connection: IoredisConnection): Promise<string | undefined> {
  const info = String(await connection.callBuffer('INFO', 'server'));
  return /run_id:(\w+)/.exec(info)?.[1];
}
