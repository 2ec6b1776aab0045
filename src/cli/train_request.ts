/** What `train` was asked to do, checked before the model is loaded. @module */

import { fileDigests } from "../core/digest.ts";
import type { JsonRecord, MethodSpec, RunSpec } from "../runs/mod.ts";
import type { Batch } from "../train/mod.ts";
import { readBatchFile } from "./batches.ts";
import type { CommonOptions } from "./common.ts";
import { readInputLimits } from "./limits.ts";
import { methodOf, type MethodOptions } from "./method.ts";
import { assertOtherFolder } from "./model_folder.ts";
import { readTrainConfig } from "./train_config.ts";

/** Options of `train`. */
export interface TrainOptions extends CommonOptions, MethodOptions {
  readonly model: string;
  readonly adapter?: string;
  readonly batches: string;
  readonly config: string;
  readonly output: string;
}

/** The training to run. */
export interface TrainRequest {
  /** Everything that the result depends on, except the device. */
  readonly spec: Omit<RunSpec, "device">;
  /** The training data. */
  readonly batches: readonly Batch[];
  /** The note that announces a number of trainable parameters. */
  readonly hintOf: (trainable: number) => string;
}

/** Reads and checks everything that can be checked without loading the model. */
export async function readRequest(options: TrainOptions): Promise<TrainRequest> {
  const { training, method: configured } = await readTrainConfig(options.config);
  const method = methodOf(options, configured ?? (options.adapter ? { kind: "lora" } : {}));
  if (options.adapter) assertContinues(options, method);
  await assertOutput(options, method.kind);
  const limits = await readInputLimits(options.model);
  const { batches, digest } = await readBatchFile(options.batches, limits);
  const { seed } = options, model = await modelSpec(options), data = { batches: digest };
  const spec = { model, method, data, training, seed };
  const isNamed = method.kind !== "full" || configured !== undefined ||
    options.method !== undefined;
  return { spec, batches, hintOf: isNamed ? plainHint : fullHint };
}

const plainHint = (trainable: number) => `training ${trainable.toLocaleString("en-US")} parameters`;
const fullHint = (trainable: number) =>
  `full fine-tuning: ${plainHint(trainable)} (add --method lora for an adapter)`;

async function assertOutput(
  { model, adapter, output }: TrainOptions,
  kind: string,
): Promise<void> {
  if (kind === "full") await assertOtherFolder(model, output);
  if (adapter) await assertOtherFolder(adapter, output);
}

/** What the base and the adapter consist of, wherever they are: with other files, it is another training. */
async function modelSpec({ model, adapter }: TrainOptions): Promise<JsonRecord> {
  const filesOf = (folder: string) =>
    fileDigests(folder, /\.safetensors(\.index\.json)?$|^(adapter_)?config\.json$/);
  return { base: await filesOf(model), adapter: adapter && await filesOf(adapter) };
}

/** Refuses options that an existing adapter already fixes. */
function assertContinues(options: TrainOptions, { kind }: MethodSpec): void {
  if (kind === "full") {
    throw new RangeError("full fine-tuning cannot continue an adapter: merge it first");
  }
  const { rank, alpha, sites, targetModules } = options;
  const given = { rank, alpha, sites, "target-modules": targetModules };
  const names = Object.entries(given).filter(([, value]) => value !== undefined);
  if (names.length === 0) return;
  const list = names.map(([name]) => `--${name}`).join(" and ");
  throw new RangeError(
    `--adapter keeps its own rank, alpha and modules: leave out ${list}`,
  );
}
