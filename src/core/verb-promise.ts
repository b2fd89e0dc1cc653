/**
 * The promise of a verb. It knows whether anybody listens: a failed `req.session.save()` that nobody awaits must neither
 * end the process (an unhandled rejection does) nor pass for success, so the response fails in its stead (G5).
 */
export class VerbPromise<Result> extends Promise<Result> {
  #heard = false;

  /** Whether a handler awaits it, or has attached a callback. */
  get heard(): boolean {
    return this.#heard;
  }

  // biome-ignore lint/suspicious/noThenProperty: await and then are what it listens for
  override then<Fulfilled = Result, Rejected = never>(
    onFulfilled?: ((value: Result) => Fulfilled | PromiseLike<Fulfilled>) | null,
    onRejected?: ((reason: unknown) => Rejected | PromiseLike<Rejected>) | null,
  ): Promise<Fulfilled | Rejected> {
    this.#heard = true;
    return super.then(onFulfilled, onRejected);
  }

  /** Runs `unheard` with the reason if it rejects while nobody listens. Does not count as listening. */
  ifUnheard(unheard: (reason: unknown) => void): void {
    super.then(undefined, (reason: unknown) => {
      if (!this.#heard) unheard(reason);
    });
  }

  /** What is derived from it are plain promises, with the usual rules. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }
}
