/** Labels of cases and batches as the targets that a model's outputs are compared with. @module */

import { crossEntropy, type Loss, squaredError } from "../autograd/mod.ts";
import { countLabels } from "../core/batch.ts";
import { type HostTensor, hostTensor, isFloat } from "../core/host_tensor.ts";
import type { ConfigJson } from "../architectures/config_fields.ts";
import { labelsOf, type TextModel } from "../models/mod.ts";
import type { Case } from "./cases.ts";

/**
 * What a label is: the token itself, which the token before it predicts (`next`) or a masked one in its
 * place (`masked`), the class of a row, or a number for it. A model without a head has `none`; `other` is
 * what a `problem_type` asks for whose loss is not here.
 */
export type LabelKind = "next" | "masked" | "class" | "number" | "none" | "other";

/** What labels must fit. */
export interface LabelLimits {
  /** What a label is. */
  readonly labelKind: LabelKind;
  /** Tokens that there are. */
  readonly vocabulary: number;
  /** The names of a classifier's labels. */
  readonly labels?: readonly string[];
}

/** A case whose labels are given. */
export type Labeled = Case & Required<Pick<Case, "labels">>;

/** What a model's labels are, by transformers' rule: a classifier of one label is a regression. */
export function labelKindOf(model: TextModel, { problem_type }: ConfigJson): LabelKind {
  const { architecture: { head }, isCausal } = model;
  if (head === "none") return "none";
  if (head === "language") return isCausal ? "next" : "masked";
  const isNumber = labelsOf(model)!.length === 1;
  const problem = isNumber ? "regression" : "single_label_classification";
  if ((problem_type ?? problem) !== problem) return "other";
  return isNumber ? "number" : "class";
}

/** What labels need, of models that do not have it. */
const without = {
  none: "a model with a head, found one without",
  other: "a classifier of one class for each row, or of one number, found another problem_type",
};

/** Which loss goes with labels. */
export const lossFor = (kind: LabelKind): Loss => kind === "number" ? squaredError : crossEntropy;

/**
 * The labels of a case as targets; `what` names it in errors.
 *
 * @throws {RangeError} when they are not what the model needs, or none of them counts.
 */
export function targetsOf(what: string, { labels, inputs }: Labeled, limits: LabelLimits) {
  const { labelKind: kind, vocabulary, labels: classes = [] } = limits;
  if (kind in without) {
    throw new RangeError(`${what}: labels need ${without[kind as keyof typeof without]}`);
  }
  const isPerRow = kind === "class" || kind === "number", found = labels.shape.length;
  if (found !== (isPerRow ? 1 : 2)) {
    const rule = isPerRow ? `one for each of the ${inputs.tokens.shape[0]} rows` : "like input_ids";
    throw new RangeError(
      `${what}: labels must be ${rule}, found one for each ${found === 1 ? "row" : "token"}`,
    );
  }
  if (kind === "number") {
    return hostTensor([labels.data.length, 1], Float32Array.from(labels.data));
  }
  if (kind === "class") assertClasses(what, labels, classes.length);
  else assertBelow(`${what}: label`, labels, vocabulary, "the vocabulary");
  const targets = kind === "next" ? shiftLabels(labels) : labels;
  if (countLabels(targets.data) > 0) return targets;
  const rest = kind === "next" ? "s and the first label of a row do not)" : "s do not)";
  throw new RangeError(
    `${what}: at least one label must count, found none (negative label${rest}`,
  );
}

function assertClasses(what: string, { data }: HostTensor, classes: number): void {
  const at = data.findIndex((label) => label >= classes || isFloat(data));
  if (at < 0) return;
  throw new RangeError(
    `${what}: label ${data[at]} of row ${at} must be a class from 0 to ${classes - 1}`,
  );
}

/**
 * Throws unless all values are below a limit.
 *
 * @throws {RangeError} when one is not; the message names its row and position.
 */
export function assertBelow(
  what: string,
  { shape, data }: HostTensor,
  limit: number,
  name: string,
): void {
  const at = data.findIndex((value) => value >= limit);
  if (at < 0) return;
  const place = `row ${Math.floor(at / shape[1])}, position ${at % shape[1]}`;
  throw new RangeError(`${what} ${data[at]} at ${place} must be below ${name} of ${limit}`);
}

/** Labels shifted left by one, as a causal model needs them: the target at t is the label at t + 1. */
function shiftLabels(labels: HostTensor): HostTensor {
  const [batch, time] = labels.shape;
  const shifted = new Int32Array(labels.data.length).fill(-100);
  for (let row = 0; row < batch; row++) {
    for (let t = 0; t + 1 < time; t++) shifted[row * time + t] = labels.data[row * time + t + 1];
  }
  return hostTensor(labels.shape, shifted);
}
