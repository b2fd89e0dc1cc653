/** What the harness and a server process say to each other, over the channel of `fork`. */

export type Question =
  | { readonly ask: 'start'; readonly profile?: boolean }
  | { readonly ask: 'stop' }
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
  /** The V8 CPU profile of the window, where one was asked for: a file in the server's folder. */
  readonly profile?: string;
}

export interface Failed {
  readonly say: 'failed';
  readonly why: string;
}

export type Answer = Ready | Started | Measured | Failed;
