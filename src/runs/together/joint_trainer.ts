/** Steps of several trainings over one frozen base, in one pass. @module */

import { JointAdapters } from "../../adapt/many/joint_adapters.ts";
import type { LoraAdapter } from "../../adapt/mod.ts";
import { headLosses, type LossTerm, type TwoParts, twoPartsOf } from "../../autograd/head_loss.ts";
import { Tape } from "../../autograd/mod.ts";
import type { Batch, ModelInputs } from "../../core/batch.ts";
import { copyTensor } from "../../adapt/copy_tensor.ts";
import type { TensorPair } from "../../device/spans.ts";
import type { StepRecord, Trainer } from "../../train/mod.ts";
import { formOf, joinInputs, joinTargets } from "./joint_inputs.ts";

/** A run that is to take a step. */
export interface JointPart {
  /** Its adapter's place in the list. */
  readonly group: number;
  /** Its trainer, of its adapter's model. */
  readonly trainer: Trainer;
  /** The batches of its step. */
  readonly batches: readonly Batch[];
}

/** What a run's step came to. */
export type JointOutcome = { readonly record: StepRecord } | { readonly error: unknown };

/** A part whose targets are counted. */
interface CountedPart extends JointPart {
  readonly counted: number;
}

/**
 * Takes steps of several trainings at once: the base's forward and backward pass run once over the rows of all, and
 * each run has its own loss, gradients and optimizer. Runs whose batches have another form in a step, such as
 * sequences of another length, take it by themselves, with the same result.
 */
export class JointTrainer implements Disposable {
  readonly #joint: JointAdapters;
  readonly #gradients = new Map<Trainer, readonly TensorPair[]>();

  /** Adapters on models of one base; see {@link JointAdapters}. */
  constructor(adapters: readonly LoraAdapter[]) {
    this.#joint = new JointAdapters(adapters);
  }

  /** Takes a step of each; what goes wrong in one leaves the others alone. */
  step(parts: readonly JointPart[]): JointOutcome[] {
    const outcomes = new Map<JointPart, JointOutcome>();
    const model = twoPartsOf<ModelInputs>(this.#joint.model);
    for (const alike of Map.groupBy(parts, (part) => formOfStep(part, model)).values()) {
      const stepped = alike.length === 1 ? alike.map(alone) : this.#together(alike);
      alike.forEach((part, i) => outcomes.set(part, stepped[i]));
    }
    this.#joint.model.device.submit();
    return parts.map((part) => outcomes.get(part)!);
  }

  /** Frees what the adapters do not own. */
  [Symbol.dispose](): void {
    this.#joint[Symbol.dispose]();
  }

  /**
   * If a pass of all is refused, each tries by itself, and the one that is at fault is refused again. What else goes
   * wrong, such as a device that fails, is no run's fault and ends them all.
   */
  #together(parts: readonly JointPart[]): JointOutcome[] {
    try {
      const counted = parts.map((part) => ({
        ...part,
        counted: part.trainer.countTargets(part.batches),
      }));
      for (let index = 0; index < counted[0].batches.length; index++) this.#pass(counted, index);
      counted.forEach((part) => this.#give(part));
      return counted.map(({ trainer, batches, counted }) =>
        settled(() => trainer.update(batches, counted))
      );
    } catch (error) {
      const isRefusal = error instanceof RangeError || error instanceof TypeError;
      return isRefusal ? parts.map(alone) : parts.map(() => ({ error }));
    }
  }

  /** The gradients of one batch of each. */
  #pass(parts: readonly CountedPart[], index: number): void {
    const batches = parts.map(({ batches }) => batches[index]), { model } = this.#joint;
    const sequences = batches.map(({ inputs }) => inputs.tokens.shape[0]);
    const groups = parts.flatMap(({ group }, at) => new Array<number>(sequences[at]).fill(group));
    this.#joint.use(groups, index > 0 ? 1 : 0);
    const activationCheckpointing = parts.some(({ trainer }) =>
      trainer.options.activationCheckpointing
    );
    using tape = new Tape(model.device, { activationCheckpointing });
    const halves = twoPartsOf<ModelInputs>(model), wanted = joinTargets(halves, batches);
    const inputs = joinInputs(batches.map(({ inputs }) => inputs));
    const states = halves.states(tape, inputs, { rows: wanted.rows });
    let start = 0;
    const terms = parts.map(({ trainer: { loss }, counted: divisor }, at): LossTerm => {
      const range = { start, count: wanted.counts[at] };
      start += range.count;
      return { loss, divisor, range, targets: wanted.targets[at] };
    });
    const { total, values } = headLosses(tape, states, halves.head, terms);
    parts.forEach(({ trainer }, at) =>
      values[at].forEach((loss, block) => trainer.addLoss(loss, index > 0 || block > 0))
    );
    tape.backward(total);
  }

  /** Hands a run's gradients to its optimizer. */
  #give({ group, trainer }: JointPart): void {
    const { slots } = trainer.optimizer;
    const pairs = this.#gradients.get(trainer) ?? this.#joint.gradientPairs(group, slots);
    this.#gradients.set(trainer, pairs);
    for (const [from, to] of pairs) copyTensor(from, to);
    for (const { parameter } of slots) parameter.gradient!.filled = true;
  }
}

/** Steps of one form have as many batches, of one form each; one that has none is by itself. */
function formOfStep(part: JointPart, model: TwoParts<ModelInputs>): string | JointPart {
  const forms = part.batches.map((batch) => formOf(batch, model));
  return forms.includes(undefined) ? part : forms.join("; ");
}

const alone = ({ trainer, batches }: JointPart): JointOutcome =>
  settled(() => trainer.step(batches));

function settled(step: () => StepRecord): JointOutcome {
  try {
    return { record: step() };
  } catch (error) {
    return { error };
  }
}
