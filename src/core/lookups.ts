/**
 * Asking the store for a session. Where it pushes changes, safe requests ask on the link that carries the notices, so
 * that the answer can be kept, and those that come together share one read. An unsafe request asks for itself alone.
 */
import type { SessionCache } from './cache.js';
import type { Clock } from './clock.js';
import type { SessionId } from './ids.js';
import { isPromise } from './maybe-promise.js';
import type { Notices } from './notices.js';
import type { ReadUnderWay } from './reads-under-way.js';
import type { Found, Repository } from './repository.js';
import type { Ended, MaybePromise, StoredRecord, Watch } from './store.js';

type Answer = StoredRecord | Ended | undefined;

export class Lookups {
  readonly #repository: Repository;
  readonly #cache: SessionCache<Found>;
  readonly #notices: Notices;
  readonly #clock: Clock;
  /** So long the link may take; the rest of the store's deadline is for read the store without it. */
  readonly #patienceMs: number;

  constructor(
    repository: Repository,
    cache: SessionCache<Found>,
    notices: Notices,
    clock: Clock,
    storeDeadlineMs: number,
  ) {
    this.#repository = repository;
    this.#cache = cache;
    this.#notices = notices;
    this.#clock = clock;
    this.#patienceMs = storeDeadlineMs / 4;
  }

  /** For a request: `safe` ones may share. `tag` is what its browser has from the last response that changed the session. */
  find(id: SessionId, safe: boolean, tag: string | undefined): MaybePromise<Found> {
    if (!safe || !this.#cache.on) return this.#withoutLink(id);
    this.#notices.wake();
    const { link } = this.#notices;
    // On a link that has not answered lately a read may hang.
    if (!link || !this.#notices.isFresh()) return this.#withoutLink(id);
    return this.#cache.joinable(id, tag) ?? this.#ask(id, tag, link);
  }

  /** What the store says now; read on the link where there is one, so that it tells of the next change. */
  now(id: SessionId): MaybePromise<Found> {
    const { link } = this.#notices;
    return link ? this.#ask(id, undefined, link) : this.#withoutLink(id);
  }

  #withoutLink(id: SessionId, deadline?: number): MaybePromise<Found> {
    return this.#repository.find(id, deadline, this.#cache.of(id)?.stored);
  }

  #ask(id: SessionId, tag: string | undefined, link: Watch): MaybePromise<Found> {
    const deadline = this.#repository.deadline();
    const read = this.#cache.asks(id, tag);
    let answer: MaybePromise<Answer>;
    try {
      answer = link.read(id);
    } catch {
      return this.#instead(read, deadline);
    }
    if (!isPromise(answer)) return this.#answered(read, answer);
    read.answer = this.#awaited(read, answer, deadline);
    return read.answer;
  }

  /** A link that fails or hangs costs the request time, never its answer. */
  #awaited(read: ReadUnderWay<Found>, answer: Promise<Answer>, deadline: number): Promise<Found> {
    return new Promise((resolve, reject) => {
      let over = false;
      const once = (settle: () => MaybePromise<Found>) => {
        if (over) return;
        over = true;
        cancel();
        try {
          resolve(settle());
        } catch (error) {
          reject(error);
        }
      };
      const instead = () => once(() => this.#instead(read, deadline));
      const cancel = this.#clock.after(this.#patienceMs, instead);
      answer.then((found) => once(() => this.#answered(read, found)), instead);
    });
  }

  #instead(read: ReadUnderWay<Found>, deadline: number): MaybePromise<Found> {
    this.#cache.answered(read, undefined);
    return this.#withoutLink(read.id, deadline);
  }

  /** In one turn from the link's answer to what is kept: a notice in between would be heard by neither. */
  #answered(read: ReadUnderWay<Found>, answer: Answer): Found {
    const found = this.#repository.open(read.id, answer, this.#cache.of(read.id)?.stored);
    this.#cache.answered(read, found.kind === 'found' ? found.stored : undefined);
    if (found.kind === 'ended' || found.kind === 'missing') this.#cache.forget(read.id);
    return found;
  }
}
