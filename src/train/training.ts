/** A training: its events, and what they have shown so far. @module */

import { History } from "./history.ts";
import type { StepEvent } from "./step_runner.ts";

/**
 * A training that runs as its events are asked for: in a `for await` loop, or to its end by
 * {@link Training.finish}. It runs once.
 */
export class Training<Evaluation = unknown> implements AsyncIterable<StepEvent<Evaluation>> {
  /** What is trained, and how many values: `trains 16,384 values of the adapter, 0.88% of the model's …`. */
  readonly description: string;
  /** The numbers of the steps so far. */
  readonly history: History<Evaluation> = new History();
  readonly #events: AsyncGenerator<StepEvent<Evaluation>, void>;

  /** Takes the events; see `train`. */
  constructor(description: string, events: AsyncGenerator<StepEvent<Evaluation>, void>) {
    this.description = description;
    this.#events = recorded(events, this.history);
  }

  /** The events that are left; leaving the loop ends the training. */
  [Symbol.asyncIterator](): AsyncGenerator<StepEvent<Evaluation>, void> {
    return this.#events;
  }

  /**
   * Runs to the end, or until its signal stops it.
   *
   * @throws {RangeError} when batches run out, or a loss is not finite.
   */
  async finish(): Promise<History<Evaluation>> {
    for await (const _ of this);
    return this.history;
  }
}

async function* recorded<Evaluation>(
  events: AsyncGenerator<StepEvent<Evaluation>, void>,
  history: History<Evaluation>,
): AsyncGenerator<StepEvent<Evaluation>, void> {
  for await (const event of events) {
    history.add(event);
    yield event;
  }
}
