import { type Deferred, deferred } from './deferred.js';

/** Where handlers wait until the test lets all of them go on together. */
export class Turnstile {
  #waiting = 0;
  #opened = deferred();
  readonly #watchers = new Set<{ readonly count: number; readonly reached: Deferred }>();

  /** For handlers. */
  pass(): Promise<void> {
    this.#waiting++;
    for (const watcher of this.#watchers) {
      if (this.#waiting < watcher.count) continue;
      this.#watchers.delete(watcher);
      watcher.reached.resolve();
    }
    return this.#opened.promise;
  }

  /** Resolves when so many handlers wait. */
  async holding(count: number): Promise<void> {
    if (this.#waiting >= count) return;
    const reached = deferred();
    this.#watchers.add({ count, reached });
    await reached.promise;
  }

  /** Lets all go on, and holds those who come later. */
  open(): void {
    this.#waiting = 0;
    const opened = this.#opened;
    this.#opened = deferred();
    opened.resolve();
  }
}
