/** What `train` is asked for, checked before a model is read. @module */

import { parseGpt2Config, readConfig } from "../models/mod.ts";
import type { MethodSpec, TrainingSpec } from "../runs/mod.ts";
import type { Batch } from "../train/mod.ts";
import { readBatchFile } from "./batches.ts";
import type { CommonOptions } from "./common.ts";
import { methodOf, type MethodOptions } from "./method.ts";
import { assertNoOtherKind, assertOtherFolder } from "./model_folder.ts";
import { readTrainConfig } from "./train_config.ts";

/** Options of `train`. */
export interface TrainOptions extends CommonOptions, MethodOptions {
  readonly model: string;
  readonly adapter?: string;
  readonly batches: string;
  readonly config: string;
  readonly output: string;
}

/** What is to be done. */
export interface TrainRequest {
  /** How. */
  readonly training: TrainingSpec;
  /** What is trained. */
  readonly method: MethodSpec;
  /** On what. */
  readonly batches: readonly Batch[];
  /** A note for people on a number of trainable parameters. */
  readonly hintOf: (trainable: number) => string;
}

/** Reads everything that can be refused before a model is read. */
export async function readRequest(options: TrainOptions): Promise<TrainRequest> {
  const { training, method: configured } = await readTrainConfig(options.config);
  const method = methodOf(options, configured ?? (options.adapter ? { kind: "lora" } : {}));
  if (options.adapter) assertGoesOn(options, method);
  await assertOutput(options, method.kind);
  const config = parseGpt2Config(await readConfig(options.model));
  const batches = await readBatchFile(options.batches, config);
  const isNamed = method.kind !== "full" || configured !== undefined ||
    options.method !== undefined;
  return { training, method, batches, hintOf: isNamed ? plainHint : fullHint };
}

const plainHint = (trainable: number) => `training ${trainable.toLocaleString("en-US")} parameters`;
const fullHint = (trainable: number) =>
  `full fine-tuning: ${plainHint(trainable)} (add --method lora for an adapter)`;

async function assertOutput({ model, output }: TrainOptions, kind: string): Promise<void> {
  if (kind === "full") await assertOtherFolder(model, output);
  await assertNoOtherKind(output, kind === "full" ? "model" : "adapter");
}

/** An adapter has its rank, scaling and modules. */
function assertGoesOn(options: TrainOptions, { kind }: MethodSpec): void {
  if (kind === "full") {
    throw new RangeError("full fine-tuning does not go on from an adapter: merge it first");
  }
  const { rank, alpha, sites, targetModules } = options;
  const given = { rank, alpha, sites, "target-modules": targetModules };
  const names = Object.entries(given).filter(([, value]) => value !== undefined);
  if (names.length === 0) return;
  const list = names.map(([name]) => `--${name}`).join(" and ");
  throw new RangeError(
    `--adapter goes on with its own rank, alpha and modules: leave ${list} out`,
  );
}
