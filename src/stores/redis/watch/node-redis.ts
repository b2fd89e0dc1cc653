/**
 * Links through node-redis: one connection in RESP3. Its option `emitInvalidate` turns tracking on in the handshake and
 * hands out the server's push messages. Reads, notices and heartbeats share the connection, so they arrive in the order
 * in which the server saw them.
 *
 * The connection never reconnects, never queues while it is offline and never sends a command again: each would be a
 * read that the server does not track.
 */
import { type NodeRedisClient, untimed } from '../clients.js';
import { beatOn, type Connection, type Fleet, type Link, type LinkEvents, opening } from './link.js';

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
  ...through(connection, false),
});

export const nodeRedisClusterFleet = (cluster: NodeRedisClusterConnections): Fleet => ({
  cluster: true,
  primaries: () => cluster.masters.map(({ address }) => address),
  ownerOf: (slot) => cluster.slots[slot]?.master?.address,
  ...through(async (address) => {
    const node = cluster.masters.find((master) => master.address === address);
    if (!node) throw new Error('the client no longer knows the server');
    return await cluster.nodeClient(node);
  }, true),
});

/** RESP's type byte of a string of any length, `$`. */
const buffers = { typeMapping: { 36: Buffer } } as const;

function through(
  at: (address: string) => Promise<NodeRedisConnection>,
  cluster: boolean,
): Pick<Fleet, 'send' | 'connect' | 'open'> {
  return {
    send: async (address, args) => await (await at(address)).sendCommand(args, buffers),
    connect: async (address, lost, signal) => await connect(await at(address), {}, lost, signal),
    async open(address, { heard, lost }, signal): Promise<Link> {
      const { send, close } = await connect(await at(address), { emitInvalidate: true, heard }, lost, signal);
      const epoch = await opening(signal, close, () => beatOn(send, cluster));
      return { epoch, get: (key) => send(['GET', key]), beat: () => beatOn(send, cluster), close };
    },
  };
}

async function connect(
  client: NodeRedisConnection,
  { heard, ...more }: { readonly emitInvalidate?: true; readonly heard?: LinkEvents['heard'] },
  lost: () => void,
  signal: AbortSignal,
): Promise<Connection> {
  const connection = client.duplicate({
    RESP: 3,
    clientSideCache: undefined,
    disableOfflineQueue: true,
    readonly: false,
    socket: { ...client.options?.socket, reconnectStrategy: false },
    ...more,
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
  if (heard) connection.on('invalidate', heard);
  await opening(signal, close, async () => {
    await connection.connect();
    if (!open) throw new Error('the connection was lost');
  });
  // The app's own connection decides how long the process lives.
  connection.unref();
  return { send: (args) => connection.sendCommand(args, untimed), close };
}
