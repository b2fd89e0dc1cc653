/**
 * One connection that listens: it hears the notices, answers the reads that a cache is filled with, and carries the
 * heartbeats. Postgres sends notices to a connection in the order in which their transactions were committed and only
 * between its queries, so a heartbeat that has come back has all earlier notices before it, and a read is overtaken by
 * none unheard.
 *
 * Any fault ends the link; it is not used again. Its queries go one after the other, a heartbeat before the reads that
 * wait, and of those only so many: else a burst of reads would make the heartbeat late, and cost the link.
 *
 * A heartbeat says also which table it was and how many of its triggers are on. Where the table was made again or the
 * triggers were turned off, notices no longer come, though the connection is whole: then the link is lost too.
 */
import { randomBytes } from 'node:crypto';
import { SessionError } from '../../../core/errors.js';
import { type PostgresQueryable, queryOf, type Row, sqlState } from '../port.js';

export interface PostgresListenClient extends PostgresQueryable {
  connect(): Promise<unknown>;
  end(): Promise<void>;
  on(event: 'notification', listener: (notice: { channel: string; payload?: string | undefined }) => void): unknown;
  on(event: 'error' | 'end', listener: (error?: Error) => void): unknown;
}

export interface LinkOptions {
  readonly client: PostgresListenClient;
  readonly channel: string;
  readonly notify: string;
  readonly timeoutMs: number;
  readonly onNotice: (payload: string) => void;
  /** Called once, also when it never came to be. */
  readonly onLost: () => void;
}

const beat = 'beat:';

/** Reads that may wait for the link; whoever comes then asks the store itself. */
const mostWaiting = 256;

/** As many as sql/0001-sessions.sql makes. */
const triggers = 3;

interface Waiting {
  resolve(): void;
  reject(error: unknown): void;
}

interface Job {
  readonly text: string;
  readonly values: unknown[];
  resolve(rows: readonly Row[]): void;
  reject(error: unknown): void;
}

export class Link {
  readonly #options: LinkOptions;
  readonly #beats = new Map<string, Waiting>();
  readonly #jobs: Job[] = [];
  #busy = false;
  /** The table's oid when the link was opened. */
  #table: string | null | undefined;
  #lost: SessionError | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
    const { client } = options;
    client.on('error', (error) => this.#lose(error));
    client.on('end', () => this.#lose(undefined));
    client.on('notification', ({ payload = '' }) => this.#hear(payload));
  }

  /** Resolves when notices flow. */
  async open(): Promise<void> {
    const { client, channel, timeoutMs } = this.#options;
    await this.#within(timeoutMs, client.connect());
    await this.query(`LISTEN "${channel}"`, []);
  }

  /** Rejects with a SessionError when the link is down, goes down meanwhile, or has too many waiting. */
  query(text: string, values: unknown[]): Promise<readonly Row[]> {
    if (this.#jobs.length >= mostWaiting) {
      return Promise.reject(
        new SessionError(
          'ERR_SESSION_STORE_UNAVAILABLE',
          `postgresStore: ${mostWaiting} reads wait for the listening connection already.`,
          { outcome: 'not-applied' },
        ),
      );
    }
    return new Promise((resolve, reject) => {
      this.#jobs.push({ text, values, resolve, reject });
      void this.#work();
    });
  }

  #ahead(text: string, values: unknown[]): Promise<readonly Row[]> {
    return new Promise((resolve, reject) => {
      this.#jobs.unshift({ text, values, resolve, reject });
      void this.#work();
    });
  }

  async #work(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    for (let job = this.#jobs.shift(); job; job = this.#jobs.shift()) {
      try {
        job.resolve(await this.#send(job));
      } catch (error) {
        job.reject(error);
      }
    }
    this.#busy = false;
  }

  async #send({ text, values }: Job): Promise<readonly Row[]> {
    this.check();
    const { client, timeoutMs } = this.#options;
    try {
      const { rows } = await client.query(queryOf(text, values, timeoutMs));
      return rows as readonly Row[];
    } catch (error) {
      // What the server itself refused leaves the connection whole.
      if (sqlState(error) === undefined) this.#lose(error);
      throw this.#lost ?? error;
    }
  }

  /** Throws when the link is down. */
  check(): void {
    if (this.#lost) throw this.#lost;
  }

  /**
   * Resolves when a notice sent now has come back, and so every earlier one. `send` is given for a notice that is to
   * come by another connection.
   */
  heartbeat(
    send: (text: string, values: unknown[]) => Promise<readonly Row[]> = (...query) => this.#ahead(...query),
  ): Promise<void> {
    const { channel, notify, timeoutMs } = this.#options;
    const payload = beat + randomBytes(9).toString('base64url');
    const heard = new Promise<void>((resolve, reject) => this.#beats.set(payload, { resolve, reject }));
    const sent = send(notify, [channel, payload]).then(([row]) => this.#compare(row));
    return this.#within(
      timeoutMs,
      Promise.all([sent, heard]).then(() => undefined),
    ).finally(() => this.#beats.delete(payload));
  }

  #compare(row: Row | undefined): void {
    this.#table ??= row?.table;
    if (Number(row?.triggers) === triggers && row?.table === this.#table) return;
    this.#lose(new Error('the table was made again, or its triggers are off or gone'));
    this.check();
  }

  close(): void {
    this.#lose(undefined);
  }

  #hear(payload: string): void {
    if (this.#lost) return;
    if (payload.startsWith(beat)) this.#beats.get(payload)?.resolve();
    else this.#options.onNotice(payload);
  }

  /** A link that does not answer in time is taken for lost: half-open, or behind a pooler that keeps the notices. */
  #within<T>(timeoutMs: number, answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#lose(new Error(`no answer within ${timeoutMs} ms`));
        reject(this.#lost);
      }, timeoutMs);
      timer.unref();
      answer.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }

  #lose(cause: unknown): void {
    if (this.#lost) return;
    const why = cause instanceof Error && cause.message ? `: ${cause.message}` : '';
    this.#lost = new SessionError(
      'ERR_SESSION_STORE_UNAVAILABLE',
      `postgresStore: the listening connection is down${why}.`,
      {
        cause,
        outcome: 'not-applied',
      },
    );
    for (const { reject } of this.#beats.values()) reject(this.#lost);
    this.#beats.clear();
    this.#options.client.end().catch(() => undefined);
    this.#options.onLost();
  }
}
