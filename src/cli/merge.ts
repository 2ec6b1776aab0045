/** `lowrank merge`. @module */

import { resourceUsage } from "node:process";
import type { Command } from "./commander.ts";
import { type FolderMerge, mergeFolder } from "../adapt/merge_folder.ts";
import { howMany } from "../core/how_many.ts";
import { digits } from "../core/numbers.ts";
import { formatBytes } from "../figures/format.ts";
import { assertAdapterFolder, assertNoOtherKind } from "../formats/folder_kind.ts";
import {
  type AllowOption,
  allowOption,
  collect,
  dtypeOption,
  modelFolder,
  storedTypes,
} from "./arguments.ts";
import { type CommonOptions, note, noteOtherBase, print } from "./common.ts";
import { assertModelFolder, assertOtherFolder } from "./model_folder.ts";
import { table } from "./table.ts";

interface MergeOptions extends CommonOptions, AllowOption {
  readonly model: string;
  readonly adapter: string[];
  readonly output: string;
  readonly dtype?: keyof typeof storedTypes;
}

const help = `
Nothing is computed but W + dW or, for DoRA, m V / |V| with V = W + dW in each
row; biases are added or replaced. So the model may be of any family whose
weights are in safetensors files. They are read and written in blocks: the
memory is that of the adapters and a few blocks, however large the model is. The
new folder has the base's shards.

Columns: |dW| is the size of the update (Frobenius norm), |dW| / |W| its size
relative to the weight, and kept the share of the update that is left after the
merged weight is rounded to the type in which it is stored: that of the model's
file unless --dtype gives another one. Rounding can add a little, so kept may be
just above 100%.

The model's config.json stays as it is, but for the type, and for a classifier's
head or a head of its own that an adapter brings. The metadata of the weights
name the adapters that they contain (lowrank.merged), and these are not applied
again.

A model that the output folder already holds is replaced, as a whole.`;

/** Adds `merge`, which writes a model whose weights include adapters. */
export function addMerge(program: Command): void {
  program.command("merge").description("write a model with adapters merged into its weights")
    .requiredOption("--model <folder>", "Hugging Face folder", modelFolder)
    .requiredOption("--adapter <folder>", "folder of an adapter; repeat to add several", collect)
    .addOption(allowOption())
    .requiredOption("--output <folder>", "Hugging Face folder to write")
    .addOption(dtypeOption("the model's"))
    .addHelpText("after", help)
    .action(run);
}

async function run(options: MergeOptions): Promise<void> {
  const { model, adapter: adapters, output } = options;
  await assertOtherFolder(model, output);
  await assertModelFolder(model);
  for (const adapter of adapters) await assertAdapterFolder(adapter);
  await assertNoOtherKind(output, "model");
  await noteOtherBase(options, model, adapters);
  const dtype = options.dtype && storedTypes[options.dtype];
  const { allow } = options;
  const merged = await mergeFolder({ model, adapters, output, dtype, allow });
  const { weights, taken, dtypes, passed } = merged;
  if (passed.length > 0) note(options, `let pass: ${passed.join(", ")}`);
  const stored = dtypes.join(" and "), processBytes = peakOfProcess();
  print(options, { weights, taken, dtype: stored, processBytes }, () =>
    [
      ...weights.length > 0 ? [describe(weights), ""] : [],
      ...taken.length > 0 ? [`took ${howMany(taken.length, "tensor")} from the adapter`] : [],
      `wrote the merged model to ${output}, in ${stored}${dtype ? "" : " like the base"}`,
      `peak memory: ${formatBytes(processBytes)} in this process`,
    ].join("\n"));
}

/** The most memory that the system has counted for this process, in bytes. */
const peakOfProcess = (): number => 1024 * resourceUsage().maxRSS;

function describe(weights: FolderMerge["weights"]): string {
  return table(weights, [
    ["module", ({ module }) => module],
    ["|dW|", ({ deltaNorm }) => deltaNorm.toPrecision(4)],
    ["|dW| / |W|", ({ relativeNorm }) => digits(relativeNorm, 3)],
    ["kept", ({ survivingShare }) => `${(100 * survivingShare).toFixed(2)}%`],
  ]);
}
