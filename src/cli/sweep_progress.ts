/** The progress line of a sweep. @module */

import { roughDuration } from "../core/job_time.ts";
import { ProgressBar } from "../core/progress_bar.ts";
import type { StepEvent } from "../train/mod.ts";
import type { SweepTraining } from "./sweep_plan.ts";
import { courseOf, TimeLeft } from "./time_left.ts";

/** A training, as far as its progress goes. */
export type SweepPart = Pick<SweepTraining, "words" | "request" | "hash">;

/** Shows the steps of the trainings of a sweep, which are made one after the other. */
export class SweepProgress {
  readonly #parts: readonly SweepPart[];
  readonly #steps: readonly number[];
  readonly #shared: readonly string[];
  readonly #made: ReadonlySet<string>;
  readonly #bar = new ProgressBar("sweep");
  readonly #started = performance.now();
  #part = -1;
  #left!: TimeLeft;
  #taken = 0;
  #begun = 0;

  /** Of trainings of which some, by their hashes, have been made before. */
  constructor(parts: readonly SweepPart[], made: ReadonlySet<string>) {
    this.#parts = parts;
    this.#steps = parts.map(({ request }) => request.spec.training.steps);
    this.#made = made;
    const alike = (word: string) => parts.every(({ words }) => words.includes(word));
    this.#shared = (parts[0]?.words ?? []).filter(alike);
  }

  /** A training, by its place, has taken a step. */
  report(part: number, event: StepEvent): void {
    if (part !== this.#part) this.#begin(part);
    this.#left.add(event);
    this.#taken++;
    const done = event.step + 1, own = this.#steps[part];
    const share = (sum(this.#steps.slice(0, part)) + done) / sum(this.#steps);
    const ms = this.#msLeft(own - done), count = `${part + 1} of ${this.#parts.length}`;
    const rest = ms === undefined || share >= 1 ? "" : `, ${roughDuration(ms)} left`;
    const at = `loss ${event.loss.toFixed(4)}, step ${done} of ${own}${rest}`;
    // A narrow terminal cuts the end.
    this.#bar.report(share, [`${at}, ${count}`, this.#nameOf(part)].filter(Boolean).join(": "));
  }

  /** Clears the line of a terminal, so that a sentence may stand there. */
  clear(): void {
    this.#bar.clear();
  }

  /** The settings that tell a training from the others. */
  #nameOf(part: number): string {
    return this.#parts[part].words.filter((word) => !this.#shared.includes(word)).join(" ");
  }

  #begin(part: number): void {
    this.#part = part;
    this.#begun++;
    this.#left = new TimeLeft(courseOf(this.#parts[part].request));
  }

  /** The training under way by its own pace, or by that of those before it; those that wait by that of all. */
  #msLeft(own: number): number | undefined {
    const pace = (performance.now() - this.#started) / this.#taken;
    const waiting = this.#steps.filter((_, i) =>
      i > this.#part && !this.#made.has(this.#parts[i].hash)
    );
    const rest = this.#left.ms ?? (this.#begun > 1 ? pace * own : undefined);
    return rest === undefined ? undefined : rest + pace * sum(waiting);
  }
}

const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);
