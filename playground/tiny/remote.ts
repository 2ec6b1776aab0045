/** The page's side of its worker. @module */

import { page } from "../dom.ts";
import type { Answer, Call, Calls } from "./calls.ts";

/** A worker that runs the text of the page's own script: a page from a file may not fetch another. */
export class Remote {
  readonly #worker: Worker;
  /** Calls that wait for their answers. */
  #waiting: PromiseWithResolvers<unknown>[] = [];
  /** Reason why no call is answered any more. */
  #failure: Error | undefined;

  /** Starts the worker. */
  constructor() {
    const { textContent } = page.document.querySelector("body > script");
    const script = new Blob([textContent], { type: "text/javascript" });
    this.#worker = new Worker(URL.createObjectURL(script));
    this.#worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      const { resolve, reject } = this.#waiting.shift()!;
      if ("error" in data) reject(new Error(data.error));
      else resolve(data.value);
    };
    this.#worker.onerror = ({ message }) => this.#fail(message);
  }

  /** Calls by name. */
  call<Name extends keyof Calls>(
    name: Name,
    ...given: Parameters<Calls[Name]>
  ): ReturnType<Calls[Name]> {
    const waiting = Promise.withResolvers<unknown>();
    if (this.#failure) {
      waiting.reject(this.#failure);
    } else {
      this.#waiting.push(waiting);
      this.#worker.postMessage({ name, given } as Call);
    }
    return waiting.promise as ReturnType<Calls[Name]>;
  }

  /** A browser may refuse the worker, or its script: it is ended, and every call is refused. */
  #fail(why = "the browser starts no worker"): void {
    this.#worker.terminate();
    const failure = this.#failure = new Error(why);
    this.#waiting.forEach(({ reject }) => reject(failure));
    this.#waiting = [];
  }
}
