/** In the page's bundle in the place of `node:async_hooks`: work in a page runs one cell after the other. @module */

/** The value that the innermost work that has not ended was given. */
export class AsyncLocalStorage<T> {
  readonly #values: T[] = [];

  /** Runs work with a value, which is current until the work has ended. */
  async run<R>(value: T, work: () => Promise<R>): Promise<R> {
    this.#values.push(value);
    try {
      return await work();
    } finally {
      this.#values.splice(this.#values.lastIndexOf(value), 1);
    }
  }

  /** The current value. */
  getStore(): T | undefined {
    return this.#values.at(-1);
  }
}
