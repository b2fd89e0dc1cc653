/**
 * All watches of a store share one link. When it goes down they hear 'all', and 'all' again once another one is up: what
 * was sent in between was heard by nobody. Until then reads and heartbeats reject, so a cache keeps nothing.
 */
import { SessionError } from '../../../core/errors.js';
import type { SessionId } from '../../../core/ids.js';
import type { Ended, StoredRecord, Watch } from '../../../core/store.js';
import { faultOf } from '../faults.js';
import type { PostgresPort } from '../port.js';
import { foundIn } from '../rows.js';
import type { Statements } from '../statements.js';
import { Link, type PostgresListenClient } from './link.js';

type Listener = (id: SessionId | 'all') => void;

export interface WatchingOptions {
  readonly listen: () => PostgresListenClient;
  readonly port: PostgresPort;
  readonly statements: Statements;
  readonly channel: string;
  readonly timeoutMs: number;
  /** Sees to it that the table is there and its triggers are on. Before each opening, since both may have gone. */
  readonly prepare: () => Promise<void>;
}

const firstPauseMs = 50;
const longestPauseMs = 1_000;

export class Watching {
  readonly #options: WatchingOptions;
  readonly #listeners = new Set<Listener>();
  #link: Link | undefined;
  #opening: Promise<Link> | undefined;
  #retry: NodeJS.Timeout | undefined;

  constructor(options: WatchingOptions) {
    this.#options = options;
  }

  async watch(onChange: Listener): Promise<Watch> {
    // A function of its own for each watch, so that one listener may watch twice.
    const listener: Listener = (id) => onChange(id);
    this.#listeners.add(listener);
    try {
      await this.#current();
    } catch (error) {
      this.#leave(listener);
      throw error;
    }
    return {
      read: (id) => this.#read(id),
      heartbeat: async () => this.#up().heartbeat(),
      close: async () => this.#leave(listener),
    };
  }

  close(): void {
    this.#listeners.clear();
    this.#end();
  }

  async #read(id: SessionId): Promise<StoredRecord | Ended | undefined> {
    const rows = await this.#up()
      .query(this.#options.statements.read, [id])
      .catch((error) => {
        throw faultOf(error);
      });
    return foundIn(rows);
  }

  #up(): Link {
    if (this.#link) return this.#link;
    throw new SessionError('ERR_SESSION_STORE_UNAVAILABLE', 'postgresStore: the listening connection is down.', {
      outcome: 'not-applied',
    });
  }

  #leave(listener: Listener): void {
    if (this.#listeners.delete(listener) && this.#listeners.size === 0) this.#end();
  }

  #end(): void {
    clearTimeout(this.#retry);
    const link = this.#link;
    this.#link = undefined;
    link?.close();
  }

  async #current(): Promise<Link> {
    if (this.#link) return this.#link;
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #open(): Promise<Link> {
    const { listen, port, statements, channel, timeoutMs, prepare } = this.#options;
    await prepare();
    const link = new Link({
      client: listen(),
      channel,
      notify: statements.notify,
      timeoutMs,
      onNotice: (payload) => this.#tell(payload),
      onLost: () => this.#lost(link),
    });
    try {
      await link.open();
      // By way of the pool: a pooler in between would take the LISTEN and hand the notices to whoever comes next.
      await link.heartbeat((text, values) => port.run(text, values));
      // It may have gone between the notice and the reply of the pool, when nobody was told of it yet.
      link.check();
    } catch (error) {
      link.close();
      throw new SessionError(
        'ERR_SESSION_STORE_UNAVAILABLE',
        'postgresStore: listen: no notice came through. It must connect to the same database as the pool, and directly: a pooler in transaction mode does not pass notices on.',
        { cause: error, outcome: 'not-applied' },
      );
    }
    if (this.#listeners.size === 0) link.close();
    else this.#link = link;
    return link;
  }

  /** Only a link that had come up is told of: one that never did is answered to whoever asked for it. */
  #lost(link: Link): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    this.#tell('all');
    this.#reopen(firstPauseMs);
  }

  #reopen(pauseMs: number): void {
    if (this.#listeners.size === 0) return;
    this.#current().then(
      () => this.#tell('all'),
      () => {
        this.#retry = setTimeout(() => this.#reopen(Math.min(2 * pauseMs, longestPauseMs)), pauseMs);
        this.#retry.unref();
      },
    );
  }

  /** Whatever is no id was sent by a hand, and means that anything may have changed. */
  #tell(payload: string): void {
    const id = /^[\w-]{27}$/.test(payload) ? (payload as SessionId) : 'all';
    for (const listener of [...this.#listeners]) {
      try {
        listener(id);
      } catch (error) {
        process.emitWarning(`holdfast: a listener of postgresStore threw: ${String(error)}`);
      }
    }
  }
}
