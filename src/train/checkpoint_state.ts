/** What a checkpoint holds besides its tensors, and whether that can be true. @module */

import { isRecord, isText, jsonValue } from "../core/json.ts";
import { quote } from "../core/quote.ts";
import type { TensorDigests } from "./digests.ts";
import { type HeldOutLoss, isHeldOut } from "./held_out_curve.ts";
import { isLog, type TrainingLog } from "./log.ts";
import { isTimes, type TrainingTimes } from "./times.ts";

/** The name of the format. */
export const checkpointFormat = "lowrank checkpoint 2";

/** The `state` in a checkpoint's metadata, as JSON. */
export interface CheckpointState {
  readonly format: typeof checkpointFormat;
  /** Completed steps. */
  readonly step: number;
  readonly seed: number;
  /** Description of the device that made it. */
  readonly device: string;
  /** The operating system and JavaScript engine, on which the last bits of results may depend. */
  readonly platform: string;
  /** Digests of what was frozen, by name. */
  readonly base: TensorDigests;
  /** `step` numbers in each list; or none, if no log was kept. */
  readonly log: TrainingLog;
  /** Its times, if they are kept. */
  readonly times?: TrainingTimes;
  /** The held-out losses so far, if they are measured. */
  readonly heldOut?: readonly HeldOutLoss[];
  /** The optimizer, if it is another than AdamW in F32. */
  readonly optimizer?: "adamw8bit";
}

/** What must be true of each field, in words and as a function of it and the step. */
const rules: readonly [
  field: keyof CheckpointState,
  rule: string,
  isTrue: (value: unknown, step: number) => boolean,
][] = [
  ["step", "a whole number", (value) => Number.isSafeInteger(value) && value as number >= 0],
  ["seed", "a number", Number.isFinite],
  ["device", "a text", isText],
  ["platform", "a text", isText],
  ["base", "a record of digests", (value) => isRecord(value) && Object.values(value).every(isText)],
  [
    "log",
    "a number for every step in each of its lists",
    (value, step) => isLog(value) && [0, step].includes(value.loss.length),
  ],
  [
    "times",
    "seconds, and milliseconds for at most every step,",
    (value = { seconds: 0, ms: [] }, step) => isTimes(value, step),
  ],
  [
    "heldOut",
    "held-out losses of some steps",
    (value = [{ step: 0, loss: 0 }]) => isHeldOut(value),
  ],
  ["optimizer", '"adamw8bit" or none', (value = "adamw8bit") => value === "adamw8bit"],
];

/**
 * Reads the state, for a sentence that begins with `what`.
 *
 * @throws {RangeError} when it is of another format, or a field has a value that cannot be true.
 */
export function parseCheckpointState(what: string, text = "null"): CheckpointState {
  const state = jsonValue(text), format = isRecord(state) ? state.format : undefined;
  if (format === checkpointFormat) {
    return assertCheckpointState(what, state as unknown as CheckpointState);
  }
  const found = !isText(format)
    ? "none"
    : `${quote(format)}: it is from another version, start again without it`;
  throw new RangeError(`${what} needs a "${checkpointFormat}" in its metadata, found ${found}`);
}

/** Returns the state after checking its fields. */
export function assertCheckpointState(what: string, state: CheckpointState): CheckpointState {
  for (const [field, rule, isTrue] of rules) {
    if (isTrue(state[field], state.step)) continue;
    const found = quote(state[field]);
    throw new RangeError(`${what} needs ${rule} as its ${field}, found ${found}`);
  }
  return state;
}
