/** `lowrank merge`. @module */

import { resourceUsage } from "node:process";
import { mergeFolder } from "../../adapt/merge/folder.ts";
import {
  type QuantizedMerge,
  quantizedMerges,
  type QuantizedWeight,
  survivingShareOf,
} from "../../adapt/merge/quantized.ts";
import { digits, howMany } from "../../core/numbers.ts";
import { formatBytes } from "../../figures/format.ts";
import { assertAdapterFolder, assertNoOtherKind } from "../../formats/folder_kind.ts";
import { openSafetensors } from "../../formats/mod.ts";
import { quantizedBaseIn } from "../../formats/peft/base_metadata.ts";
import type { QuantizedForm } from "../../quant/quantized_tensor.ts";
import { type LowrankCommand, option, required } from "../command.ts";
import {
  assertModelFolder,
  assertOtherFolder,
  type Column,
  type CommonOptions,
  note,
  noteOtherBase,
  noteOtherForm,
  print,
  table,
} from "../common.ts";
import {
  type AllowOption,
  allowOption,
  collect,
  dtypeOf,
  type DtypeOption,
  dtypeOption,
  modelFolder,
} from "../options.ts";

interface MergeOptions extends CommonOptions, AllowOption, DtypeOption {
  readonly model: string;
  readonly adapter: string[];
  readonly output: string;
  readonly quantized?: QuantizedMerge;
  readonly floatBase?: string;
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

A base in 4 bits: its values are those of a code, and a change that is less than
half of the gap to the next one is lost when the sum is quantized again. Of an
update 1% as large as the weight, nf4 keeps 1% to 2% and fp4 10%; of one 10% as
large, both keep most. A report on standard error says so before anything is
written, unless all is kept, and you choose:
  (nothing)               no merge: the adapter beside the base loses nothing;
                          other commands take it with --adapter
  --quantized float       the dequantized weights with the update, in the type
                          from which they were quantized, or that of --dtype
  --quantized requantize  4 bits like the base; the rest of the update is lost
With --float-base, |q| is how far the weights in 4 bits are from those in that
folder: what quantizing has rounded.

If the adapter was trained with --base-dtype nf4, first run
  lowrank quantize MODEL QUANTIZED
then merge into QUANTIZED with --quantized float: the model in floats lacks the
rounding that the adapter was trained on.

A model that the output folder already holds is replaced, as a whole.`;

/** Writes a model whose weights include adapters. */
export const mergeCommand: LowrankCommand = {
  name: "merge",
  summary: "write a model with adapters merged into its weights",
  options: [
    required("--model <folder>", "Hugging Face folder or GGUF file", modelFolder),
    required("--adapter <folder>", "folder of an adapter; repeat to add several", collect),
    allowOption(),
    required("--output <folder>", "Hugging Face folder to write"),
    dtypeOption("the model's"),
    option("--quantized <way>", "how to merge into a base in 4 bits").choices(quantizedMerges),
    option("--float-base <folder>", "what such a base was quantized from", modelFolder),
  ],
  permissions: ["read", "write"],
  help,
  example: "merge --model models/tiny-gpt2 --adapter out --output merged",
  run,
};

async function run(options: MergeOptions): Promise<void> {
  const { model, adapter: adapters, output } = options;
  await assertOtherFolder(model, output);
  await assertModelFolder(model);
  for (const adapter of adapters) await assertAdapterFolder(adapter);
  await assertNoOtherKind(output, "model");
  await noteOtherBase(options, model, adapters);
  await noteOtherForm(options, model, await formIn(model), adapters);
  const dtype = dtypeOf(options);
  const { allow, quantized, floatBase } = options;
  let forecast: readonly QuantizedWeight[] | undefined;
  const onForecast = (weights: readonly QuantizedWeight[]) => {
    forecast = weights;
    note(options, describeForecast(weights));
  };
  const request = { model, adapters, output, dtype, allow, quantized, floatBase, onForecast };
  const { weights, taken, dtypes, passed } = await mergeFolder(request);
  if (passed.length > 0) note(options, `let pass: ${passed.join(", ")}`);
  const stored = dtypes.join(" and "), processBytes = peakOfProcess();
  const isLikeBase = !dtype && quantized !== "float";
  print(options, { weights, taken, dtype: stored, forecast, processBytes }, () =>
    [
      ...weights.length > 0 ? [describe(weights), ""] : [],
      ...taken.length > 0 ? [`took ${howMany(taken.length, "tensor")} from the adapter`] : [],
      `wrote the merged model to ${output}, in ${stored}${isLikeBase ? " like the base" : ""}`,
      `peak memory: ${formatBytes(processBytes)} in this process`,
    ].join("\n"));
}

/** The form of a folder's weights, if they are in 4 bits. */
async function formIn(model: string): Promise<QuantizedForm | undefined> {
  using file = await openSafetensors(model);
  return await quantizedBaseIn(file);
}

/** The report on what requantizing keeps, which is known before anything is written. */
function describeForecast(weights: readonly QuantizedWeight[]): string {
  const share = percent(survivingShareOf(weights));
  return [
    "the base is in 4 bits; quantized again, its weights would keep of the update:",
    describe(weights),
    `all of them: ${share}`,
    ...isDistanceKnown(weights)
      ? ["|q|: how far the weights in 4 bits are from those of --float-base"]
      : [],
    "",
  ].join("\n");
}

const percent = (share: number): string => `${(100 * share).toFixed(2)}%`;

/** The most memory that the system has counted for this process, in bytes. */
const peakOfProcess = (): number => 1024 * resourceUsage().maxRSS;

const isDistanceKnown = (weights: readonly QuantizedWeight[]): boolean =>
  weights.some(({ quantizationNorm }) => quantizationNorm !== undefined);

function describe(weights: readonly QuantizedWeight[]): string {
  return table(weights, [
    ["module", ({ module }) => module],
    ["|dW|", ({ deltaNorm }) => deltaNorm.toPrecision(4)],
    ["|dW| / |W|", ({ relativeNorm }) => digits(relativeNorm, 3)],
    ...isDistanceKnown(weights) ? [distance] : [],
    ["kept", ({ survivingShare }) => percent(survivingShare)],
  ]);
}

const distance: Column<QuantizedWeight> = [
  "|q|",
  ({ quantizationNorm }) => quantizationNorm?.toPrecision(4) ?? "",
];
