/** A call of a store with a callback, as a promise. */
export type Callback<T> = (error: unknown, value?: T) => void;

/**
 * A store whose client waits for its link calls back late or never. The request has been answered by then (the engine's
 * own deadline is shorter); this ends the wait of whoever queues behind it for the same session.
 */
const longestMs = 30_000;

export function call<T>(run: (callback: Callback<T>) => unknown): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`the store has not called back within ${longestMs} ms`)),
      longestMs,
    );
    timer.unref();
    const fail = (error: unknown) => {
      clearTimeout(timer);
      reject(error);
    };
    try {
      const answer = run((error, value) => {
        clearTimeout(timer);
        if (error) reject(error);
        else resolve(value);
      });
      // Some methods are async besides, and a rejection that nobody handles ends the process.
      if (answer instanceof Promise) answer.catch(fail);
    } catch (error) {
      fail(error);
    }
  });
}
