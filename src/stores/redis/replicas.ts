/**
 * The option `waitForReplicas`: an end is acknowledged only when so many replicas have it (WAIT).
 *
 * WAIT answers for what its own connection has written, and nothing else on that connection is answered before it. So
 * ends get a connection of their own to each primary: a shared one would make every other request wait, and one that is
 * opened again after the end would answer for nothing. The script runs on that connection, and writes even where the
 * session had ended before, so that the end sent again is waited for again.
 *
 * Where that connection can't run it (MOVED, ASK, a link that is down), it runs as it does without the option, and then
 * once more on the connection to whoever owns the slot by then.
 */
import { setTimeout } from 'node:timers/promises';
import { SessionError } from '../../core/errors.js';
import type { RedisPort } from './port.js';
import { runScript } from './port.js';
import { type Connection, type Fleet, unlessAborted } from './watch/link.js';
import { slotOf } from './watch/slot.js';

export interface Quorum {
  readonly replicas: number;
  readonly timeoutMs: number;
}

type Run = Parameters<RedisPort['run']>;

/** Beyond the server's own timeout: then the connection is given up. */
const slackMs = 500;

export class ReplicatedEnds {
  readonly #fleet: Fleet;
  readonly #quorum: Quorum;
  readonly #connections = new Map<string, Promise<Connection>>();
  readonly #end = new AbortController();

  constructor(fleet: Fleet, quorum: Quorum) {
    this.#fleet = fleet;
    this.#quorum = quorum;
  }

  /** `elsewhere` runs the script through the user's client. Answers with what the first run that was answered answered: the next one finds nothing left to end. */
  async run(tag: string, call: Run, elsewhere: () => Promise<unknown>): Promise<unknown> {
    let first: { readonly answer: unknown } | undefined;
    const keep = (answer: unknown): void => {
      first ??= { answer };
    };
    try {
      return await this.#confirmed(tag, call, keep);
    } catch (error) {
      if (error instanceof SessionError) throw error;
    }
    keep(await elsewhere());
    try {
      await this.#confirmed(tag, call, keep);
    } catch (error) {
      throw error instanceof SessionError ? error : unreplicated(this.#quorum, 'none could be asked', error);
    }
    return first?.answer;
  }

  close(): void {
    this.#end.abort();
    for (const opening of this.#connections.values()) opening.then((connection) => connection.close()).catch(ignore);
    this.#connections.clear();
  }

  async #confirmed(tag: string, call: Run, keep: (answer: unknown) => void): Promise<unknown> {
    const { replicas, timeoutMs } = this.#quorum;
    const address = this.#fleet.cluster ? this.#fleet.ownerOf(slotOf(tag)) : '';
    if (address === undefined) throw new Error('the client knows no owner of the slot');
    const connection = await this.#connection(address);
    const late = new AbortController();
    const limit = setTimeout(timeoutMs + slackMs, undefined, { signal: late.signal, ref: false }).then(() => {
      connection.close();
      throw unreplicated(this.#quorum, 'the server did not answer');
    });
    try {
      const answer = await Promise.race([runScript(connection.send, ...call), limit]);
      keep(answer);
      const acknowledged = await Promise.race([connection.send(['WAIT', String(replicas), String(timeoutMs)]), limit]);
      if (Number(acknowledged) >= replicas) return answer;
      throw unreplicated(this.#quorum, `${acknowledged} did`);
    } finally {
      late.abort();
    }
  }

  #connection(address: string): Promise<Connection> {
    const open = this.#connections.get(address);
    if (open) return open;
    const forget = (): void => {
      if (this.#connections.get(address) === opening) this.#connections.delete(address);
    };
    const signal = AbortSignal.any([this.#end.signal, AbortSignal.timeout(this.#quorum.timeoutMs + slackMs)]);
    const connecting = this.#fleet.connect(address, forget, signal);
    const opening = unlessAborted(signal, connecting, (late) => late.close());
    this.#connections.set(address, opening);
    opening.catch(forget);
    return opening;
  }
}

const ignore = (): void => undefined;

function unreplicated({ replicas, timeoutMs }: Quorum, got: string, cause?: unknown): SessionError {
  return new SessionError(
    'ERR_SESSION_STORE_UNREPLICATED',
    `redisStore: waitForReplicas: expected ${replicas} to acknowledge the end within ${timeoutMs} ms, ${got}. The sessions have ended; a failover now could bring them back. End them again to be sure.`,
    { outcome: 'unknown', ...(cause === undefined ? {} : { cause }) },
  );
}
