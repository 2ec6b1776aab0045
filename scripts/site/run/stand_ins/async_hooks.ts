/**
 * In the page's bundle in the place of `node:async_hooks`, as far as `src/notebook/stop.ts` needs it: no browser
 * follows a value through `await`, but a page runs one cell after the other.
 *
 * @module
 */

/** The value that the innermost work that has not ended was given. */
export class AsyncLocalStorage<T> {
  readonly #values: T[] = [];

  /** Runs work with a value, which is current until the work's promise is settled. */
  async run<R>(value: T, work: () => Promise<R>): Promise<R> {
    this.#values.push(value);
    try {
      return await work();
    } finally {
      // Not the last value: work inside that nobody awaits may outlast this.
      this.#values.splice(this.#values.lastIndexOf(value), 1);
    }
  }

  /** The current value; undefined outside of all work. */
  getStore(): T | undefined {
    return this.#values.at(-1);
  }
}
