/** Progress bars on standard error. @module */

import { durationText, JobTime, roughDuration } from "./job_time.ts";
import { terminalLine } from "./terminal_text.ts";

const mostWidth = 28;

/** A bar as text: its title, how far it is, what is being done and for how long. */
export function barText(
  title: string,
  share: number,
  text: string,
  ms: number,
  width: number = mostWidth,
): string {
  const full = Math.round(share * width), bar = "█".repeat(full) + "░".repeat(width - full);
  return terminalLine(`${title} ${bar} ${Math.round(100 * share)}% ${text}, ${durationText(ms)}`);
}

/** Elsewhere than in a terminal, lines are this far apart at least, and at most if there is something to say. */
const leastMs = 5_000, mostMs = 30_000;

/** Draws a bar in place in a terminal; elsewhere prints a line now and then. */
export class ProgressBar {
  readonly #title: string;
  readonly #terminal = Deno.stderr.isTerminal();
  readonly #started = performance.now();
  #drawn = -Infinity;
  #tenth = -1;

  /** Names what is under way. */
  constructor(title: string) {
    this.#title = title;
  }

  /** Shows how far it is, from 0 to 1, and what is being done. */
  report(share: number, text: string): void {
    if (this.#terminal) this.#draw(share, text);
    else this.#print(share, text);
  }

  /** Makes room for lines of text; the next report draws the bar again. */
  clear(): void {
    if (!this.#terminal || this.#drawn === -Infinity) return;
    write("\r\x1b[K");
    this.#drawn = -Infinity;
  }

  #draw(share: number, text: string): void {
    const now = performance.now();
    if (share < 1 && now - this.#drawn < 100) return;
    this.#drawn = now;
    const columns = Deno.consoleSize().columns || 80; // 0 where a terminal does not know
    const width = Math.min(mostWidth, Math.floor(columns / 10));
    const line = barText(this.#title, share, text, now - this.#started, width);
    const shown = line.slice(0, columns - 1); // a line that wraps cannot be cleared
    write(`\r\x1b[K${shown}${share < 1 ? "" : "\n"}`);
  }

  #print(share: number, text: string): void {
    const now = performance.now(), since = now - this.#drawn, tenth = Math.floor(share * 10);
    const isDue = share >= 1 ? this.#tenth < 10 : since >= (tenth > this.#tenth ? leastMs : mostMs);
    if (!isDue) return;
    this.#drawn = now;
    this.#tenth = tenth;
    const percent = Math.floor(100 * share), time = durationText(now - this.#started);
    console.error(terminalLine(`${this.#title} ${percent}% ${text}, ${time}`));
  }
}

const write = (text: string) => void Deno.stderr.writeSync(new TextEncoder().encode(text));

/** Shows how far some work is, from 0 to 1, and what is being done. */
export type ProgressReport = (share: number, text: string) => void;

/** A bar for a job of several parts, with the time that is left where that is known. */
export class JobBar {
  readonly #bar: ProgressBar;
  readonly #time: JobTime;

  /** Names the job and its parts; see {@link JobTime} for what they are expected to take. */
  constructor(
    title: string,
    parts: readonly string[],
    expected?: Readonly<Record<string, number>>,
  ) {
    this.#bar = new ProgressBar(title);
    this.#time = new JobTime(parts, expected);
  }

  /** A part begins; gives what reports its progress. */
  begin(part: string): ProgressReport {
    this.#time.begin(part);
    const report: ProgressReport = (share, text) => {
      this.#time.report(share);
      const left = this.left === undefined ? "" : `${this.left} left: `; // a narrow terminal cuts the end
      this.#bar.report(this.#time.share, `${left}${part}${text && `, ${text}`}`);
    };
    report(0, "");
    return report;
  }

  /** How long the rest will take, `about 4 min`; undefined until it is known, and once all is done. */
  get left(): string | undefined {
    const { msLeft, share } = this.#time;
    return msLeft === undefined || share >= 1 ? undefined : roughDuration(msLeft);
  }

  /** Prints on standard output, above the bar. */
  say(text: string): void {
    this.#bar.clear();
    console.log(text);
  }
}

/** Works under a progress bar; gives nothing if the signal stopped it. */
export async function withProgress<T>(
  title: string,
  signal: AbortSignal,
  work: (report: ProgressReport) => Promise<T>,
): Promise<T | undefined> {
  const bar = new ProgressBar(title);
  return await unlessStopped(signal, () => work((share, text) => bar.report(share, text)));
}

/** What the work gives; nothing if the signal stopped it. */
export async function unlessStopped<T>(
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error !== signal.reason) throw error;
  }
}
