/** `lowrank merge`. @module */

import { resourceUsage } from "node:process";
import type { Command } from "./commander.ts";
import { merge, type MergeReport, mergeReport } from "../adapt/mod.ts";
import { prepareFolder } from "../core/files.ts";
import { digits } from "../core/numbers.ts";
import { formatBytes } from "../figures/format.ts";
import { assertNoOtherKind } from "../formats/folder_kind.ts";
import { saveModel } from "../models/mod.ts";
import { collect, dtypeOption, modelFolder, storedTypes } from "./arguments.ts";
import { type CommonOptions, loadAdapted, openChosen, print } from "./common.ts";
import { assertOtherFolder } from "./model_folder.ts";
import { table } from "./table.ts";

interface MergeOptions extends CommonOptions {
  readonly model: string;
  readonly adapter: string[];
  readonly output: string;
  readonly dtype?: keyof typeof storedTypes;
}

const help = `
Columns: |dW| is the size of the update (Frobenius norm), |dW| / |W| its size
relative to the weight, and kept the share of the update that is left after the
merged weight is rounded to the type in which it is stored: that of the model's
file unless --dtype gives another one. Rounding can add a little, so kept may be
just above 100%.

The model's config.json stays as it is, but for the type. The metadata of the
weights name the adapters that they contain (lowrank.merged), and these are not
applied again.

A model that the output folder already holds is replaced, as a whole.`;

/** Adds `merge`, which writes a model whose weights include adapters. */
export function addMerge(program: Command): void {
  program.command("merge").description("write a model with adapters merged into its weights")
    .requiredOption("--model <folder>", "Hugging Face folder", modelFolder)
    .requiredOption("--adapter <folder>", "PEFT folder; repeat to add several", collect)
    .requiredOption("--output <folder>", "Hugging Face folder to write")
    .addOption(dtypeOption("the model's"))
    .addHelpText("after", help)
    .action(run);
}

async function run(options: MergeOptions): Promise<void> {
  const { output } = options;
  await assertOtherFolder(options.model, output);
  await assertNoOtherKind(output, "model");
  using device = await openChosen(options);
  using loaded = await loadAdapted(device, options.model, options.adapter);
  const { model, adapters } = loaded;
  const dtype = options.dtype ? storedTypes[options.dtype] : model.options.origin!.dtype;
  await prepareFolder(output);
  const report = await mergeReport(model, adapters, { dtype });
  using merged = merge(model, adapters);
  await saveModel(merged, output, dtype);
  const memory = { tensorBytes: device.ledger.read().peak, processBytes: peakOfProcess() };
  print(
    options,
    { ...report, dtype, ...memory },
    () =>
      [
        describe(report),
        "",
        ...written(output, options.dtype ? dtype : `${dtype} like the base`, {
          ...report,
          ...memory,
        }),
      ].join("\n"),
  );
}

/** The most memory that the system has counted for this process, in bytes. */
const peakOfProcess = (): number => 1024 * resourceUsage().maxRSS;

function describe({ weights }: MergeReport): string {
  return table(weights, [
    ["module", ({ module }) => module],
    ["|dW|", ({ deltaNorm }) => deltaNorm.toPrecision(4)],
    ["|dW| / |W|", ({ relativeNorm }) => digits(relativeNorm, 3)],
    ["kept", ({ survivingShare }) => `${(100 * survivingShare).toFixed(2)}%`],
  ]);
}

interface Memory {
  readonly extraBytes: number;
  readonly tensorBytes: number;
  readonly processBytes: number;
}

function written(output: string, dtype: string, memory: Memory): string[] {
  const [extra, tensors, all] = [memory.extraBytes, memory.tensorBytes, memory.processBytes]
    .map((bytes) => formatBytes(bytes));
  return [
    `wrote the merged model to ${output}, in ${dtype}`,
    `peak memory: ${all} in this process; ${tensors} of tensors on the device, ${extra} of them copies of merged weights`,
  ];
}
