/** Progress bars. @module */

import { escapeHtml } from "../figures/html.ts";
import { palette } from "../figures/figure.ts";
import type { MimeBundle } from "../figures/show.ts";
import { barText, ProgressBar } from "../terminal/progress.ts";
import { inNotebook } from "./kernel.ts";
import { LiveOutput } from "./live_output.ts";
import { isStopped, noteProgress } from "./stop.ts";

/** A progress bar. */
export interface Progress {
  /** Shows the share done, from 0 to 1, and a text; returns at once. */
  report(share: number, text: string): void;
  /** Shows the final text and waits until the cell shows it. */
  done(text: string): Promise<void>;
}

/**
 * A progress bar, drawn at most ten times a second: one output in a notebook, a line on standard error in a
 * terminal.
 *
 * @example
 * ```ts
 * import { progress } from "@lowrank/core/notebook";
 *
 * const bar = progress("counting");
 * for (let i = 1; i <= 3; i++) bar.report(i / 3, `${i} of 3`);
 * await bar.done("3 counted");
 * ```
 */
export function progress(title: string): Progress {
  return inNotebook() ? new NotebookProgress(title) : new TerminalProgress(title);
}

class NotebookProgress implements Progress {
  readonly #title: string;
  readonly #output = new LiveOutput();
  readonly #started = performance.now();
  #last: readonly [share: number, text: string] = [0, ""];

  constructor(title: string) {
    this.#title = title;
  }

  report(share: number, text: string): void {
    noteProgress(text);
    this.#last = [share, text];
    this.#output.draw(() => this.#bundle(share, text));
  }

  /** A stopped loop also gets here; the bar must then not claim that everything was done. */
  async done(text: string): Promise<void> {
    const [share, said] = isStopped() ? this.#last : [1, text] as const;
    await this.#output.done(() => this.#bundle(share, said));
  }

  #bundle(share: number, text: string): MimeBundle {
    const ms = performance.now() - this.#started;
    return {
      "text/html": barHtml(this.#title, share, `${text}, ${(ms / 1000).toFixed(0)} s`),
      "text/plain": barText(this.#title, share, text, ms),
    };
  }
}

class TerminalProgress implements Progress {
  readonly #bar: ProgressBar;
  #full = false;

  constructor(title: string) {
    this.#bar = new ProgressBar(title);
  }

  report(share: number, text: string): void {
    noteProgress(text);
    this.#full = share >= 1;
    this.#bar.report(share, text);
  }

  done(text: string): Promise<void> {
    if (!this.#full && !isStopped()) this.#bar.report(1, text);
    return Promise.resolve();
  }
}

/** A bar with inline styles, which an untrusted notebook shows too, in colors that suit both themes. */
function barHtml(title: string, share: number, text: string): string {
  const percent = Math.round(100 * Math.min(1, Math.max(0, share)));
  const track = "display: inline-block; width: 14em; height: 0.6em; border-radius: 0.3em; " +
    "background: rgba(128, 128, 128, 0.3); vertical-align: baseline; margin: 0 0.6em";
  const fill = `display: block; height: 100%; width: ${percent}%; border-radius: 0.3em; ` +
    `background: ${palette.lora[1]}`;
  return `<div>${escapeHtml(title)}<span style="${track}"><span style="${fill}"></span></span>` +
    `${percent}% ${escapeHtml(text)}</div>`;
}
