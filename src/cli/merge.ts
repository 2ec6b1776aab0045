/** `lowrank merge`. @module */

import type { Command } from "./commander.ts";
import { merge, type MergeReport, mergeReport } from "../adapt/mod.ts";
import { prepareFolder } from "../core/files.ts";
import { formatBytes } from "../figures/format.ts";
import { saveModel } from "../models/mod.ts";
import { collect, modelFolder } from "./arguments.ts";
import { type CommonOptions, loadAdapted, openChosen, print } from "./common.ts";
import { assertNoOtherKind, assertOtherFolder, smallFilesOf } from "./model_folder.ts";
import { table } from "./table.ts";

interface MergeOptions extends CommonOptions {
  readonly model: string;
  readonly adapter: string[];
  readonly output: string;
}

const help = `
Columns: |dW| is the Frobenius norm of the update, |dW| / |W| its size relative
to the weight, and kept the share of the update that is left after the merged
weight is rounded to F32.

A model that the output folder already holds is replaced, as a whole.`;

/** Adds `merge`, which writes a model whose weights include adapters. */
export function addMerge(program: Command): void {
  program.command("merge").description("write a model with adapters merged into its weights")
    .requiredOption("--model <folder>", "Hugging Face folder", modelFolder)
    .requiredOption("--adapter <folder>", "PEFT folder; repeat to add several", collect)
    .requiredOption("--output <folder>", "Hugging Face folder to write")
    .addHelpText("after", help)
    .action(run);
}

async function run(options: MergeOptions): Promise<void> {
  await assertOtherFolder(options.model, options.output);
  await assertNoOtherKind(options.output, "model");
  using device = await openChosen(options);
  using loaded = await loadAdapted(device, options.model, options.adapter);
  await prepareFolder(options.output);
  const report = await mergeReport(loaded.model, loaded.adapters);
  using merged = merge(loaded.model, loaded.adapters);
  await saveModel(merged, options.output, "F32", await smallFilesOf(options.model));
  print(options, report, () => describe(report, options.output));
}

function describe({ weights, extraBytes }: MergeReport, output: string): string {
  const rows = table(weights, [
    ["module", ({ module }) => module],
    ["|dW|", ({ deltaNorm }) => deltaNorm.toPrecision(4)],
    ["|dW| / |W|", ({ relativeNorm }) => relativeNorm.toExponential(2)],
    ["kept", ({ survivingShare }) => `${(100 * survivingShare).toFixed(4)}%`],
  ]);
  const bytes = formatBytes(extraBytes);
  return `${rows}\n\nwrote the merged model to ${output}; merging took ${bytes} of extra memory`;
}
