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
import type { IoredisClient } from '../clients.js';
import { beatOn, type Connection, type Fleet, type Link, type LinkEvents, opening } from './link.js';

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
  ...through(() => client, false),
});

export function ioredisClusterFleet(cluster: IoredisClusterConnections): Fleet {
  const addressOf = ({ options }: IoredisConnection): string => `${options?.host}:${options?.port}`;
  return {
    cluster: true,
    // Before it knows the slots, it takes every address that it was given for a primary.
    primaries: () => (cluster.slots.length === 0 ? [] : cluster.nodes('master').map(addressOf)),
    ownerOf: (slot) => cluster.slots[slot]?.[0],
    ...through((address) => {
      const node = cluster.nodes('master').find((master) => addressOf(master) === address);
      if (!node) throw new Error('the client no longer knows the server');
      return node;
    }, true),
  };
}

function through(
  at: (address: string) => IoredisConnection,
  cluster: boolean,
): Pick<Fleet, 'send' | 'connect' | 'open'> {
  return {
    send: async (address, args) => await sendOn(at(address))(args),
    connect: async (address, lost, signal) => await connect(at(address).duplicate(overrides), lost, signal),
    open: async (address, events, signal) => await open(at(address), cluster, events, signal),
  };
}

const overrides = {
  // It would go before channels too, and of a node of a cluster it may be absent: whoever uses a link gives whole keys.
  keyPrefix: '',
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

async function connect(connection: IoredisConnection, lost: () => void, signal: AbortSignal): Promise<Connection> {
  let open = true;
  const close = (): void => {
    open = false;
    connection.disconnect();
    // It only says goodbye, which a server that hangs never answers.
    connection.stream?.destroy?.();
  };
  const end = (): void => {
    if (!open) return;
    close();
    lost();
  };
  for (const event of ['error', 'close', 'end']) connection.on(event, end);
  await opening(signal, close, async () => {
    await connection.connect();
    if (!open) throw new Error('the connection was lost');
  });
  // The app's own connection decides how long the process lives.
  connection.stream?.unref?.();
  return { send: sendOn(connection), close };
}

async function open(
  client: IoredisConnection,
  cluster: boolean,
  { heard, lost }: LinkEvents,
  signal: AbortSignal,
): Promise<Link> {
  let open = true;
  const connections: Connection[] = [];
  const close = (): void => {
    open = false;
    for (const connection of connections) connection.close();
  };
  const end = (): void => {
    if (!open) return;
    close();
    lost();
  };
  const subscriber = client.duplicate(overrides);
  subscriber.on('messageBuffer', (_, keys) => {
    // Keys of one notice; null after FLUSHALL and FLUSHDB.
    for (const key of Array.isArray(keys) ? keys : [keys]) heard(key);
  });
  const opened = (connection: Connection): Connection => {
    connections.push(connection);
    if (!open) connection.close();
    return connection;
  };
  return await opening(signal, close, async () => {
    const [reads, notices] = await Promise.all([
      connect(client.duplicate(overrides), end, signal).then(opened),
      connect(subscriber, end, signal).then(opened),
    ]);
    const [one, other, id, epoch] = await Promise.all([
      serverOf(reads),
      serverOf(notices),
      notices.send(['CLIENT', 'ID']),
      beatOn(reads.send, cluster),
    ]);
    // Through Sentinel, the two may have met different servers, where the number names somebody else's connection.
    if (one !== other) throw new Error('its connections lead to different servers');
    // By their names in lower case ioredis knows the commands of a subscription.
    await notices.send(['subscribe', '__redis__:invalidate']);
    await reads.send(['CLIENT', 'TRACKING', 'ON', 'REDIRECT', String(id)]);
    if (!open) throw new Error('the connection was lost');
    const beat = async (): Promise<string> => {
      const [now] = await Promise.all([beatOn(reads.send, cluster), notices.send(['ping'])]);
      return now;
    };
    return { epoch, get: (key) => reads.send(['GET', key]), beat, close };
  });
}

const sendOn =
  (connection: IoredisConnection): Connection['send'] =>
  ([command, ...args]) =>
    connection.callBuffer(String(command), ...args);

async function serverOf({ send }: Connection): Promise<string | undefined> {
  return /run_id:(\w+)/.exec(String(await send(['INFO', 'server'])))?.[1];
}
