/**
 * Links through node-redis: one connection in RESP3. Its option `emitInvalidate` turns tracking on in the handshake and
 * hands out the server's push messages. Reads, notices and heartbeats share the connection, so they arrive in the order
 * in which the server saw them.
 *
 * The connection never reconnects, never queues while it is offline and never sends a command again: each would be a
 * read that the server does not track.
 */
import type { NodeRedisClient } from '../port.js';
import { beatOn, type Fleet, type Link, type LinkEvents } from './link.js';

/** What `createClient` made. */
export interface NodeRedisConnection extends NodeRedisClient {
  readonly options?: { readonly socket?: object };
  duplicate(overrides: object): NodeRedisConnection;
  connect(): Promise<unknown>;
  destroy(): void;
  unref(): void;
  on(event: string, listener: (value: unknown) => void): unknown;
}

interface Node {
  readonly address: string;
}

/** What `createCluster` made. */
export interface NodeRedisClusterConnections {
  readonly masters: readonly Node[];
  readonly slots: readonly ({ readonly master?: Node } | undefined)[];
  nodeClient(node: Node): Promise<NodeRedisConnection>;
}

/** `connection` answers with a connected client of a primary, to be duplicated. */
export const nodeRedisFleet = (connection: () => Promise<NodeRedisConnection>): Fleet => ({
  cluster: false,
  primaries: () => [''],
  ownerOf: () => '',
  open: async (_, events, signal) => await open(await connection(), false, events, signal),
});

export const nodeRedisClusterFleet = (cluster: NodeRedisClusterConnections): Fleet => ({
  cluster: true,
  primaries: () => cluster.masters.map(({ address }) => address),
  ownerOf: (slot) => cluster.slots[slot]?.master?.address,
  async open(address, events, signal) {
    const node = cluster.masters.find((master) => master.address === address);
    if (!node) throw new Error('the client no longer knows the server');
    return await open(await cluster.nodeClient(node), true, events, signal);
  },
});

/** RESP's type byte of a string of any length, `$`. */
const buffers = { typeMapping: { 36: Buffer } } as const;

async function open(
  client: NodeRedisConnection,
  cluster: boolean,
  { heard, lost }: LinkEvents,
  signal: AbortSignal,
): Promise<Link> {
  const connection = client.duplicate({
    RESP: 3,
    emitInvalidate: true,
    clientSideCache: undefined,
    disableOfflineQueue: true,
    readonly: false,
    socket: { ...client.options?.socket, reconnectStrategy: false },
  });
  let open = true;
  const close = (): void => {
    open = false;
    try {
      connection.destroy();
    } catch {
      // It was closed already.
    }
  };
  const end = (): void => {
    if (!open) return;
    close();
    lost();
  };
  for (const event of ['error', 'end', 'reconnecting', 'terminated']) connection.on(event, end);
  connection.on('invalidate', heard);
  signal.addEventListener('abort', close, { once: true });
  const send = (args: Parameters<NodeRedisClient['sendCommand']>[0]): Promise<unknown> =>
    connection.sendCommand(args, buffers);
  try {
    await connection.connect();
    const epoch = await beatOn(send, cluster);
    if (!open) throw new Error('the connection was lost');
    // The app's own connection decides how long the process lives.
    connection.unref();
    return { epoch, get: (key) => send(['GET', key]), beat: () => beatOn(send, cluster), close };
  } catch (error) {
    open = false;
    close();
    throw error;
  } finally {
    signal.removeEventListener('abort', close);
  }
}
