/** How far a job of several parts is, and how long the rest will take. @module */

/** What is known before an estimate is given: this much time, and this share of the job. */
const leastMs = 10_000, leastShare = 0.05;

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
   * Of the parts with these names; `expected` is what each takes, of which only the ratios count. Without
   * it, they count the same and nothing is estimated.
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

  /** How far the job is, from 0 to 1. */
  get share(): number {
    return this.#total === 0 ? 0 : this.#reached() / this.#total;
  }

  /**
   * Milliseconds that the rest will take; undefined before 10 s and 5% of the job. The part under way is
   * judged by its own pace where that is known, and those that wait by the pace of all before them.
   */
  get msLeft(): number | undefined {
    const ms = this.#now() - this.#started, reached = this.#reached();
    if (!this.#isTimed || ms < leastMs || this.share < leastShare) return undefined;
    const pace = ms / reached, own = this.#now() - this.#partStarted, share = this.#partShare;
    const isKnown = own >= leastMs && share >= leastShare;
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
