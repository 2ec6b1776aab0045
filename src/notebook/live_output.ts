/** One output that is replaced as work proceeds. @module */

import type { MimeBundle } from "../figures/show.ts";
import { display, flush, update } from "./kernel.ts";

/** Shortest time between drawings: a front end drops messages above 1,000 a second, even the last one. */
const leastMs = 100;

/** Pauses are this many times as long as drawing takes, so that drawing hardly slows the work down. */
const restShare = 4;

/** Longest pause: the first drawing loads plotly, which takes seconds on a busy machine. */
const mostRestMs = 2000;

/** Makes a bundle when it is about to be drawn; a drawing that is replaced before that is never made. */
type Draw = () => MimeBundle | Promise<MimeBundle>;

const drawing = new Set<LiveOutput>();

/** Draws everything that is pending at once, and waits for it. */
export async function settle(): Promise<void> {
  await Promise.allSettled(Array.from(drawing, (output) => output.settle()));
  await flush();
}

/** An output of its own, redrawn at most ten times a second. The last drawing is never dropped. */
export class LiveOutput {
  readonly #id = crypto.randomUUID();
  #next: Draw | undefined;
  #drawing: Promise<void> | undefined;
  #readyAt = -Infinity;
  #hurried = false;
  #endRest = () => {};
  #displayed = false;

  /** Asks for a drawing, and returns at once. */
  draw(next: Draw): void {
    this.#next = next;
    if (this.#drawing) return;
    drawing.add(this);
    this.#drawing = this.#drawAll();
    this.#drawing.catch(() => {}); // `done` waits for it and throws.
  }

  /** Draws the pending output without a pause. */
  async settle(): Promise<void> {
    this.#hurried = true;
    this.#endRest();
    await this.#drawing;
  }

  /** Draws for the last time and waits until it is in the cell. */
  async done(last: Draw): Promise<void> {
    this.draw(last);
    await this.settle();
    await flush();
  }

  async #drawAll(): Promise<void> {
    try {
      while (this.#next) {
        await this.#rest();
        const draw = this.#next, started = performance.now();
        this.#next = undefined;
        await this.#send(await draw());
        const now = performance.now();
        this.#readyAt = now + Math.min(mostRestMs, Math.max(leastMs, restShare * (now - started)));
      }
    } finally {
      this.#drawing = undefined;
      this.#hurried = false;
      drawing.delete(this);
    }
  }

  /** Waits until the pause is over or {@link settle} ends it. */
  #rest(): Promise<void> {
    const ms = this.#hurried ? 0 : Math.max(0, this.#readyAt - performance.now());
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#endRest = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #send(bundle: MimeBundle): Promise<void> {
    await (this.#displayed ? update : display)(bundle, this.#id);
    this.#displayed = true;
  }
}
