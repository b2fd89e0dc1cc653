/**
 * Lets one thing happen at a time, by a seed: a store's call is applied, its reply arrives, a handler goes on. What
 * several requests do at once so comes in an order that nobody thought of, and comes again with the same seed.
 */
import type { SessionStore, Watchable } from '../../src/core/store.js';
import type { FakeClock } from '../support/fake-clock.js';
import type { Random } from '../support/random.js';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
/** So many turns of nothing, and what is not done never will be. A module that is loaded takes some. */
const patience = 20_000;

export class Stepper {
  readonly #random: Random;
  readonly #clock: FakeClock;
  readonly #faultChance: number;
  readonly #waiting: ((failed: boolean) => void)[] = [];
  /** Until then all goes straight through. */
  started = false;

  constructor(random: Random, clock: FakeClock, faultChance: number) {
    this.#random = random;
    this.#clock = clock;
    this.#faultChance = faultChance;
  }

  /** A handler waits for its turn. */
  async step(): Promise<void> {
    await this.#turn();
  }

  /** The store as one process reaches it. A call may fail before it is applied, or its reply be lost. */
  over<Store extends SessionStore & Watchable>(inner: Store): Store {
    return new Proxy(inner, {
      get: (_, name) => {
        const member: unknown = Reflect.get(inner, name);
        if (name === 'watch') return (onChange: Parameters<Store['watch']>[0]) => this.#watch(inner, onChange);
        if (typeof member !== 'function' || name === 'close') return member;
        return (...args: unknown[]) => this.#call(() => Reflect.apply(member, inner, args));
      },
    });
  }

  /** Until `isDone`; false where nothing goes on any more. */
  async run(isDone: () => boolean): Promise<boolean> {
    for (let idle = 0; idle < patience; idle++) {
      await turn();
      if (isDone()) return true;
      if (this.#waiting.length === 0) continue;
      idle = 0;
      // So far, the breaker lets one call through again.
      if (this.#random.chance(0.1)) this.#clock.advance(this.#faultChance > 0 ? 300 : 1);
      const [go] = this.#waiting.splice(this.#random.below(this.#waiting.length), 1);
      go?.(this.#random.chance(this.#faultChance));
    }
    return false;
  }

  #turn(): Promise<boolean> {
    return this.started ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(false);
  }

  async #call<Answer>(run: () => Answer): Promise<Awaited<Answer>> {
    if (await this.#turn()) throw new Error('not reached (planned)');
    const answer = await run();
    if (await this.#turn()) throw new Error('the reply is lost (planned)');
    return answer;
  }

  async #watch(inner: SessionStore & Watchable, onChange: Parameters<Watchable['watch']>[0]) {
    const watch = await inner.watch(onChange);
    return { ...watch, read: (id: Parameters<typeof watch.read>[0]) => this.#call(() => watch.read(id)) };
  }
}
