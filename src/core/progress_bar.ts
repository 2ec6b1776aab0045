/** A progress bar on standard error. @module */

import { terminalLine } from "./terminal_text.ts";

const width = 28;

/** A bar as text: its title, how far it is, what is being done and for how long. */
export function barText(title: string, share: number, text: string, ms: number): string {
  const full = Math.round(share * width), bar = "█".repeat(full) + "░".repeat(width - full);
  const line = `${title} ${bar} ${Math.round(100 * share)}% ${text}, ${(ms / 1000).toFixed(0)} s`;
  return terminalLine(line);
}

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
    const now = performance.now(), ms = now - this.#started;
    if (!this.#terminal) return this.#line(share, `${text}, ${(ms / 1000).toFixed(0)} s`);
    if (share < 1 && now - this.#drawn < 100) return;
    this.#drawn = now;
    const line = `\r\x1b[K${barText(this.#title, share, text, ms)}`;
    Deno.stderr.writeSync(new TextEncoder().encode(share < 1 ? line : `${line}\n`));
  }

  #line(share: number, text: string): void {
    const tenth = Math.floor(share * 10);
    if (tenth <= this.#tenth) return;
    this.#tenth = tenth;
    console.error(terminalLine(`${this.#title} ${tenth * 10}% ${text}`));
  }
}

/** Shows how far some work is, from 0 to 1, and what is being done. */
export type ProgressReport = (share: number, text: string) => void;

/** Works under a progress bar; gives nothing if the signal stopped it. */
export async function withProgress<T>(
  title: string,
  signal: AbortSignal,
  work: (report: ProgressReport) => Promise<T>,
): Promise<T | undefined> {
  const bar = new ProgressBar(title);
  try {
    return await work((share, text) => bar.report(share, text));
  } catch (error) {
    if (error !== signal.reason) throw error;
  }
}
