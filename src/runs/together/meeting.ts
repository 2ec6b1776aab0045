/** Where runs wait for one another, so that they take each step at once. @module */

import type { LoraAdapter } from "../../adapt/mod.ts";
import type { StepRecord } from "../../train/mod.ts";
import { type JointOutcome, type JointPart, JointTrainer } from "./joint_trainer.ts";

/** A run that waits for its step. */
interface Waiting extends Pick<PromiseWithResolvers<StepRecord>, "resolve" | "reject"> {
  readonly part: JointPart;
}

/** Takes a step as soon as all runs that have not ended ask for one. */
export class Meeting implements Disposable {
  readonly #adapters: readonly LoraAdapter[];
  readonly #present: Set<number>;
  readonly #waiting: Waiting[] = [];
  #joint: JointTrainer | undefined;

  /** Expects a run of each adapter, by their places in the list. */
  constructor(adapters: readonly LoraAdapter[]) {
    this.#adapters = adapters;
    this.#present = new Set(adapters.keys());
  }

  /** Allocates what steps need. */
  open(): this {
    this.#joint = new JointTrainer(this.#adapters);
    return this;
  }

  /** Takes a run's step once all others are here; fails when the meeting is not open. */
  async step(part: JointPart): Promise<StepRecord> {
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

  /** Frees what steps needed; runs that wait, or come later, fail. */
  [Symbol.dispose](): void {
    this.#joint?.[Symbol.dispose]();
    this.#joint = undefined;
    this.#stepIfAllWait();
  }

  #stepIfAllWait(): void {
    if (this.#joint && this.#waiting.length < this.#present.size) return;
    const all = this.#waiting.splice(0).sort((a, b) => a.part.group - b.part.group);
    if (all.length === 0) return;
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
      if (this.#joint) return this.#joint.step(parts);
      throw new Error("a step needs trainings that have not ended");
    } catch (error) {
      return parts.map(() => ({ error }));
    }
  }
}
