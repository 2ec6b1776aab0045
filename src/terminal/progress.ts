/**
 * Progress bars on standard error, with an estimate of the time that a job of several parts still
 * takes.
 *
 * @module
 */

import { terminalLine } from "../core/errors.ts";

// Bars.

const mostWidth = 28;

/** A bar as text: its title, the finished share, the current work and its time. */
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

  /** Names the current work. */
  constructor(title: string) {
    this.#title = title;
  }

  /** Shows the finished share, from 0 to 1, and the current work. */
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

/** Shows the finished share of some work, from 0 to 1, and its current part. */
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

  /**
   * Estimated time for the rest, `about 4 min`; undefined until it is known, and once all is done.
   */
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

/** The result of the work; undefined if the signal stopped it. */
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

// Time of a job.

/** Least time and least share of the job before an estimate is given. */
const leastJobMs = 10_000, leastShare = 0.05;

/** Keeps the time of a job. */
export class JobTime {
  readonly #left: Map<string, number>;
  readonly #isTimed: boolean;
  readonly #now: () => number;
  readonly #total: number;
  readonly #started: number;
  #done = 0;
  #part = 0;
  #partStarted = 0;
  #partShare = 0;

  /**
   * Makes a job of the parts with these names; `expected` is what each takes, of which only the
   * ratios count. Without it, they count the same and nothing is estimated.
   */
  constructor(
    parts: readonly string[],
    expected?: Readonly<Record<string, number>>,
    now: () => number = () => performance.now(),
  ) {
    this.#left = new Map(parts.map((part) => [part, expected ? expected[part] : 1]));
    this.#isTimed = expected !== undefined;
    this.#total = sum(this.#left.values());
    this.#now = now;
    this.#started = now();
  }

  /** A part begins, and the one before has ended. */
  begin(part: string): void {
    this.end();
    this.#part = this.#left.get(part) ?? 0;
    this.#left.delete(part);
    this.#partStarted = this.#now();
  }

  /** The part that has begun is this far, from 0 to 1. */
  report(share: number): void {
    this.#partShare = share;
  }

  /** The part that has begun has ended. */
  end(): void {
    this.#done += this.#part;
    this.#part = this.#partShare = 0;
  }

  /** The finished share of the job, from 0 to 1. */
  get share(): number {
    return this.#total === 0 ? 0 : this.#reached() / this.#total;
  }

  /**
   * Milliseconds that the rest will take; undefined before 10 s and 5% of the job. The part under way is
   * judged by its own pace where that is known, and those that wait by the pace of all before them.
   */
  get msLeft(): number | undefined {
    const ms = this.#now() - this.#started, reached = this.#reached();
    if (!this.#isTimed || ms < leastJobMs || this.share < leastShare) return undefined;
    const pace = ms / reached, own = this.#now() - this.#partStarted, share = this.#partShare;
    const isKnown = own >= leastJobMs && share >= leastShare;
    const rest = isKnown ? own * (1 - share) / share : pace * this.#part * (1 - share);
    return rest + pace * sum(this.#left.values());
  }

  #reached(): number {
    return this.#done + this.#part * this.#partShare;
  }
}

const sum = (values: Iterable<number>): number => Iterator.from(values).reduce((a, b) => a + b, 0);

/** A time for people: `42 s`, `3 min 5 s`, `2 h 10 min`. */
export function durationText(ms: number): string {
  const s = Math.round(ms / 1000), min = Math.floor(s / 60);
  if (s < 60) return `${s} s`;
  if (min < 60) return `${min} min ${s % 60} s`;
  return `${Math.floor(min / 60)} h ${min % 60} min`;
}

/** A time that is only estimated: `about 4 min`. */
export function roughDuration(ms: number): string {
  const min = Math.ceil(ms / 60_000);
  if (ms < 50_000) return "less than a minute";
  return min < 90 ? `about ${min} min` : `about ${Math.round(min / 60)} h`;
}
