/**
 * `watch`: changes heard by client tracking (Redis 6 or later, https://redis.io/docs/latest/develop/reference/client-side-caching/).
 *
 * One link to each primary, of connections that nothing else uses. What is read through the watch is read on the link, in
 * the default mode of tracking: the server remembers that the link has read a key, and tells it once when the key
 * changes, by whatever hand, is evicted or expires. So an id is heard of at least once between two reads of it. The
 * mode NOLOOP is not used, since nothing is written there, nor BCAST, which tells everybody of every key.
 *
 * A touch moves the expiry of a key, which is a change to the server: it is heard too, and costs a read.
 *
 * What the server had tracked is gone with the connection, so a link that is lost, for whatever reason, is 'all', and so
 * is the new link in its place. The reasons: the connection closes or breaks; no answer within `answerWithinMs`, which
 * is how a half-open connection shows; the server is no longer a primary; it has lost its cluster. Where only slots have
 * moved, what moved was told key by key as it left, but a slot can be taken from a server without that: so whenever
 * the client sees another owner of a slot, a server answers MOVED, or the epoch of the cluster has changed, it is 'all'.
 * A null notice (FLUSHALL, FLUSHDB) is 'all'.
 *
 * A read that can't be tracked rejects: no link, or MOVED, or ASK of a slot that is just moving. The store still answers,
 * through the user's client, and nothing of that may be kept.
 *
 * Bounded: a link or two connections for each primary, one timer for each link that is being opened.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { SessionError } from '../../../core/errors.js';
import type { SessionId } from '../../../core/ids.js';
import type { Ended, StoredRecord, Watch } from '../../../core/store.js';
import { bufferOf, decode, idOf, type Keys, tagOf } from '../layout.js';
import { type Fleet, type Link, type LinkEvents, unlessAborted } from './link.js';
import { slotCount, slotOf } from './slot.js';

/** Half of the time within which a lost link must be known (G6). */
const answerWithinMs = 1_000;
/** Nothing relies on a link that is still being opened, so a slow network gets longer. */
export const openWithinMs = 2_000;
const firstRetryMs = 20;
const lastRetryMs = 500;

export type OnChange = (id: SessionId | 'all') => void;

/** Resolves once there is a link to each primary; rejects, with nothing left open, if there can't be. */
export async function openWatch(fleet: Fleet, keys: Keys, onChange: OnChange): Promise<Tracking> {
  const watch = new Tracking(fleet, keys, onChange);
  try {
    await watch.open();
  } catch (error) {
    watch.close();
    throw error;
  }
  return watch;
}

/** @internal */
export class Tracking implements Watch {
  readonly #fleet: Fleet;
  readonly #keys: Keys;
  readonly #onChange: OnChange;
  readonly #links = new Map<string, Link>();
  /** The epoch of the cluster that each link last told. */
  readonly #epochs = new WeakMap<Link, string>();
  /** Primaries to which a link is being opened again. */
  readonly #opening = new Set<string>();
  readonly #end = new AbortController();
  #owners: readonly (string | undefined)[];

  constructor(fleet: Fleet, keys: Keys, onChange: OnChange) {
    this.#fleet = fleet;
    this.#keys = keys;
    this.#onChange = onChange;
    this.#owners = ownersOf(fleet);
  }

  async open(): Promise<void> {
    const primaries = this.#fleet.primaries();
    if (primaries.length === 0) throw unwatched('the client knows no primary. Connect it first');
    await Promise.all(primaries.map((address) => this.#open(address)));
  }

  async read(id: SessionId): Promise<StoredRecord | Ended | undefined> {
    const address = this.#fleet.cluster ? this.#fleet.ownerOf(slotOf(tagOf(id))) : this.#fleet.primaries()[0];
    const link = address === undefined ? undefined : this.#links.get(address);
    if (address === undefined || !link) throw unwatched('there is no link to the server that holds this session');
    let value: unknown;
    try {
      value = await this.#answer(address, link, link.get(this.#keys.session(id)));
    } catch (error) {
      if (error instanceof Error && error.message.startsWith('MOVED')) this.#tell('all');
      throw unwatched('the read failed', error);
    }
    return value === null ? undefined : decode(bufferOf(value));
  }

  async heartbeat(): Promise<void> {
    this.#follow();
    const primaries = this.#fleet.primaries();
    if (primaries.length === 0) throw unwatched('the client knows no primary');
    await Promise.all(primaries.map((address) => this.#beat(address)));
  }

  close(): void {
    this.#end.abort();
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
  }

  async #beat(address: string): Promise<void> {
    const link = this.#links.get(address);
    if (!link) throw unwatched('there is no link to a server');
    let epoch: string;
    try {
      epoch = await this.#answer(address, link, link.beat());
    } catch (error) {
      this.#lose(address, link);
      throw unwatched('a server can no longer be watched', error);
    }
    if (this.#epochs.get(link) === epoch) return;
    this.#epochs.set(link, epoch);
    this.#tell('all');
  }

  /** Keeps to the primaries, and to the owners of slots, that the client knows now. */
  #follow(): void {
    const owners = ownersOf(this.#fleet);
    if (owners.some((address, slot) => address !== this.#owners[slot])) this.#tell('all');
    this.#owners = owners;
    const primaries = new Set(this.#fleet.primaries());
    for (const [address, link] of this.#links) {
      if (!primaries.has(address)) this.#lose(address, link);
    }
    for (const address of primaries) {
      if (!this.#links.has(address) && !this.#opening.has(address)) void this.#reopen(address);
    }
  }

  async #reopen(address: string): Promise<void> {
    this.#opening.add(address);
    const { signal } = this.#end;
    for (let waitMs = firstRetryMs; !signal.aborted; waitMs = Math.min(2 * waitMs, lastRetryMs)) {
      try {
        await this.#open(address);
        break;
      } catch {
        await sleep(waitMs, undefined, { signal, ref: false }).catch(() => undefined);
        if (!this.#fleet.primaries().includes(address)) break;
        this.#follow();
      }
    }
    this.#opening.delete(address);
    if (!signal.aborted) this.#tell('all');
  }

  /** A link that answers. */
  async #open(address: string): Promise<void> {
    let link: Link | undefined;
    let lost = false;
    const events: LinkEvents = {
      heard: (key) => this.#tell(key === null ? 'all' : idOf(String(key))),
      lost: () => {
        lost = true;
        if (link) this.#lose(address, link);
      },
    };
    const signal = AbortSignal.any([this.#end.signal, AbortSignal.timeout(openWithinMs)]);
    link = await unlessAborted(signal, this.#fleet.open(address, events, signal), (late) => late.close());
    if (lost || signal.aborted) {
      link.close();
      throw unwatched('the link was lost while it was opened');
    }
    this.#epochs.set(link, link.epoch);
    this.#links.set(address, link);
  }

  /** Loses the link if there is no answer in time: a connection that is half open would never say that it is gone. */
  async #answer<T>(address: string, link: Link, answer: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      // One timer and no AbortController: this runs for every read that the cache can't answer.
      timer = setTimeout(() => {
        this.#lose(address, link);
        reject(new Error(`no answer within ${answerWithinMs} ms`));
      }, answerWithinMs).unref();
    });
    try {
      return await Promise.race([answer, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #lose(address: string, link: Link): void {
    if (this.#links.get(address) !== link) return;
    this.#links.delete(address);
    link.close();
    this.#tell('all');
    this.#follow();
  }

  /** A listener that throws is reported as a process warning: the client that brought the notice must not suffer. */
  #tell(id: SessionId | 'all'): void {
    if (this.#end.signal.aborted) return;
    try {
      this.#onChange(id);
    } catch (error) {
      process.emitWarning(error instanceof Error ? error : String(error));
    }
  }
}

const ownersOf = (fleet: Fleet): (string | undefined)[] =>
  fleet.cluster ? Array.from({ length: slotCount }, (_, slot) => fleet.ownerOf(slot)) : [];

function unwatched(what: string, cause?: unknown): SessionError {
  const reason = cause instanceof Error ? ` (${cause.message})` : '';
  return new SessionError('ERR_SESSION_STORE_UNAVAILABLE', `redisStore: watch: ${what}${reason}.`, {
    cause,
    outcome: 'not-applied',
  });
}
