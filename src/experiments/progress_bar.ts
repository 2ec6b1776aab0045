/** A progress bar on standard error. @module */

const width = 28;

/** Draws a bar in place in a terminal; elsewhere prints a line at each tenth. */
export class ProgressBar {
  readonly #title: string;
  readonly #terminal = Deno.stderr.isTerminal();
  readonly #started = performance.now();
  #tenth = -1;
  #drawn = 0;

  /** Names what is under way. */
  constructor(title: string) {
    this.#title = title;
  }

  /** Shows how far it is, from 0 to 1, and what is being done. */
  report(share: number, text: string): void {
    const now = performance.now(), seconds = ((now - this.#started) / 1000).toFixed(0);
    if (!this.#terminal) return this.#line(share, `${text}, ${seconds} s`);
    if (share < 1 && now - this.#drawn < 100) return;
    this.#drawn = now;
    const full = Math.round(share * width);
    const bar = "█".repeat(full) + "░".repeat(width - full);
    const line = `\r\x1b[K${this.#title} ${bar} ${Math.round(100 * share)}% ${text}, ${seconds} s`;
    Deno.stderr.writeSync(new TextEncoder().encode(share < 1 ? line : `${line}\n`));
  }

  #line(share: number, text: string): void {
    const tenth = Math.floor(share * 10);
    if (tenth <= this.#tenth) return;
    this.#tenth = tenth;
    console.error(`${this.#title} ${tenth * 10}% ${text}`);
  }
}
