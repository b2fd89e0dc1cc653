/** What the harness and a server process say to each other, over the channel of `fork`. */

export type Question =
  | { readonly ask: 'start'; readonly profile?: boolean }
  | { readonly ask: 'stop' }
  | { readonly ask: 'weigh' }
  | { readonly ask: 'close' };

export interface Ready {
  readonly say: 'ready';
  readonly port: number;
}

export interface Started {
  readonly say: 'started';
}

/** The server process between `start` and `stop`. */
export interface Measured {
  readonly say: 'measured';
  /** User and system time of all its threads. */
  readonly cpuUs: number;
  readonly rssBytes: number;
  readonly handled: number;
  readonly hits: number;
  /** What the store's server carried out, by command; absent where it doesn't say. */
  readonly commands?: Readonly<Record<string, number>>;
  /** CPU time of the store's server, user and system; absent where it doesn't say. */
  readonly storeCpuUs?: number;
  /** Over all connections that the server process has opened. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** The V8 CPU profile of the window, where one was asked for: a file in the server's folder. */
  readonly profile?: string;
}

/** What it holds now, after a garbage collection. */
export interface Weighed {
  readonly say: 'weighed';
  /** JavaScript objects, and buffers outside of V8's heap. */
  readonly heapBytes: number;
  readonly rssBytes: number;
  readonly storeBytes?: number;
}

export interface Failed {
  readonly say: 'failed';
  readonly why: string;
}

export type Answer = Ready | Started | Measured | Weighed | Failed;
