/** Where runs wait for one another, so that they take each step at once. @module */

import type { StepRecord } from "../../train/mod.ts";
import type { JointOutcome, JointPart } from "./joint_trainer.ts";

/** A run that waits for its step. */
interface Waiting extends Pick<PromiseWithResolvers<StepRecord>, "resolve" | "reject"> {
  readonly part: JointPart;
}

/** Takes a step as soon as all runs that have not ended ask for one. */
export class Meeting {
  readonly #present: Set<number>;
  readonly #stepAll: (parts: readonly JointPart[]) => readonly JointOutcome[];
  readonly #waiting: Waiting[] = [];
  #closed = false;

  /** Waits for `count` runs. */
  constructor(count: number, stepAll: (parts: readonly JointPart[]) => readonly JointOutcome[]) {
    this.#present = new Set(Array.from({ length: count }, (_, i) => i));
    this.#stepAll = stepAll;
  }

  /** Takes a run's step once all others are here; fails after {@link Meeting.close}. */
  async step(part: JointPart): Promise<StepRecord> {
    if (this.#closed) throw new Error("the trainings have ended");
    const { promise, resolve, reject } = Promise.withResolvers<StepRecord>();
    this.#waiting.push({ part, resolve, reject });
    this.#stepIfAllWait();
    return await promise;
  }

  /** A run has ended: the others no longer wait for it. */
  leave(group: number): void {
    this.#present.delete(group);
    this.#stepIfAllWait();
  }

  /** Ends all runs at their next step. */
  close(): void {
    this.#closed = true;
    for (const { reject } of this.#waiting.splice(0)) reject(new Error("the trainings have ended"));
  }

  #stepIfAllWait(): void {
    if (this.#waiting.length === 0 || this.#waiting.length < this.#present.size) return;
    const all = this.#waiting.splice(0).sort((a, b) => a.part.group - b.part.group);
    const outcomes = this.#outcomesOf(all.map(({ part }) => part));
    all.forEach(({ resolve, reject }, i) => {
      const outcome = outcomes[i];
      if ("record" in outcome) resolve(outcome.record);
      else reject(outcome.error);
    });
  }

  /** What fails as a whole fails for all, so that none waits for ever. */
  #outcomesOf(parts: readonly JointPart[]): readonly JointOutcome[] {
    try {
      return this.#stepAll(parts);
    } catch (error) {
      return parts.map(() => ({ error }));
    }
  }
}
