/** What the rooms ask of `revokeEverything`. The moment's own room, epoch.ts, loads only where the option is on. */
import type { Epoch, Moment } from './epoch.js';
import { lazily } from './lazily.js';
import type { MaybePromise } from './store.js';

export class EpochFace {
  readonly on: boolean;
  /** Also where the option is off: the record of the moment, which other processes may keep, is no session anywhere. */
  readonly loaded: () => Promise<Epoch>;
  #epoch: Epoch | undefined;
  #closed = false;

  constructor(on: boolean, make: (room: typeof import('./epoch.js')) => Epoch) {
    this.on = on;
    this.loaded = lazily(async () => {
      this.#epoch = make(await import('./epoch.js'));
      if (this.#closed) this.#epoch.close();
      return this.#epoch;
    });
    // At the start, because the files of a process that runs for weeks may be another release's by then. Who asks next
    // hears of a failure.
    if (on) this.loaded().catch(() => {});
  }

  /** The moment before which every session is over, as it was a second ago at most; undefined if there is none. */
  now(): MaybePromise<Moment | undefined> {
    return this.#epoch ? this.#epoch.now() : this.loaded().then((epoch) => epoch.now());
  }

  /** Somebody waits to be told that a session is over. */
  beat(): void {
    if (!this.on) return;
    if (this.#epoch) this.#epoch.beat();
    else
      this.loaded().then(
        (epoch) => epoch.beat(),
        () => {},
      );
  }

  close(): void {
    this.#closed = true;
    this.#epoch?.close();
  }
}
