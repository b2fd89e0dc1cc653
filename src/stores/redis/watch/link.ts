/** What the watch asks of connections of its own: see node-redis.ts and ioredis.ts for how each client gives them. */
import type { Argument } from '../clients.js';

/** Connections to one primary that live and die together. Once lost, a link stays lost: the next one is a new one. */
export interface Link {
  /** GET on the connection that the server tracks. */
  get(key: string): Promise<unknown>;
  /** Of the cluster when the link was opened; '' outside of one. */
  readonly epoch: string;
  /**
   * Resolves when every notice that the server sent before has been heard, with the epoch of the cluster now. Rejects
   * when the link is lost, or its server is not, or no longer, a primary that may be asked.
   */
  beat(): Promise<string>;
  close(): void;
}

export interface LinkEvents {
  /** The key of a notice; null: any key may have changed. */
  readonly heard: (key: unknown) => void;
  /** Called once, if the link is lost before it is closed. From then on the server tracks nothing for it. */
  readonly lost: () => void;
}

/** The primaries as the user's client knows them now, and more connections to them. */
export interface Fleet {
  readonly cluster: boolean;
  /** Addresses; outside of a cluster one, which is the empty string. */
  primaries(): readonly string[];
  /** The address of a slot's primary. */
  ownerOf(slot: number): string | undefined;
  /** One command to a primary of a cluster, on the client's own connection. */
  send(address: string, args: Argument[]): Promise<unknown>;
  /** A connection that nothing else uses. Gives up when `signal` aborts. */
  connect(address: string, lost: () => void, signal: AbortSignal): Promise<Connection>;
  /** Gives up when `signal` aborts. */
  open(address: string, events: LinkEvents, signal: AbortSignal): Promise<Link>;
}

/** Never reconnects, never queues while it is offline, never sends a command again. */
export interface Connection {
  readonly send: Command;
  close(): void;
}

/** Runs `open`; whatever it has opened until it fails, or `signal` aborts, is closed. */
export async function opening<T>(signal: AbortSignal, close: () => void, open: () => Promise<T>): Promise<T> {
  signal.addEventListener('abort', close, { once: true });
  try {
    signal.throwIfAborted();
    return await open();
  } catch (error) {
    close();
    throw error;
  } finally {
    signal.removeEventListener('abort', close);
  }
}

/**
 * The answer, unless `signal` aborts first; what comes after that goes to `late`. For what a client itself makes wait, and
 * knows no signal for: a connection to lend, or a command of a client that has not found its servers yet.
 */
export function unlessAborted<T>(signal: AbortSignal, answer: Promise<T>, late: (value: T) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => {
      reject(signal.reason);
      answer.then(late, () => undefined);
    };
    if (signal.aborted) return giveUp();
    signal.addEventListener('abort', giveUp, { once: true });
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}

export type Command = (args: Argument[]) => Promise<unknown>;

/**
 * HELLO without arguments changes nothing, is allowed to every connection, and says what the server takes itself for. A
 * primary that is cut off from the rest of its cluster still answers, so there the state is asked for too.
 */
export async function beatOn(send: Command, cluster: boolean): Promise<string> {
  const [hello, info] = await Promise.all([send(['HELLO']), cluster ? send(['CLUSTER', 'INFO']) : '']);
  const role = fieldOf(hello, 'role');
  if (role !== 'master' && role !== 'primary') throw new Error(`the server is a ${role ?? 'server without a role'}`);
  if (!cluster) return '';
  const state = String(info);
  if (!state.includes('cluster_state:ok')) throw new Error('the cluster is down for this server');
  return /cluster_current_epoch:(\d+)/.exec(state)?.[1] ?? '';
}

/** A map comes as an array by turns (RESP2), a Map or an object, as clients like it. */
export function fieldOf(map: unknown, name: string): string | undefined {
  if (Array.isArray(map)) {
    const at = map.findIndex((item, index) => index % 2 === 0 && String(item) === name);
    return at === -1 ? undefined : String(map[at + 1]);
  }
  if (typeof map !== 'object' || map === null) return undefined;
  const value: unknown = map instanceof Map ? map.get(name) : Reflect.get(map, name);
  return value === undefined ? undefined : String(value);
}
