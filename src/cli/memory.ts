/** `lowrank memory`. @module */

import { optimizerNames } from "../accounting/optimizers.ts";
import { digits } from "../core/numbers.ts";
import { isHubName } from "../core/hub/name.ts";
import { kindOf } from "../core/storage.ts";
import { type BytesByRole, roles } from "../device/mod.ts";
import { formatBytes } from "../figures/format.ts";
import { weightFilesIn } from "../formats/folder_kind.ts";
import { architectureOf, type ConfigJson } from "../architectures/mod.ts";
import {
  anyRunnable,
  completeConfig,
  fourBitFormsIn,
  quantizationOf,
  runnableTypes,
} from "../models/mod.ts";
import type { MethodSpec } from "../runs/mod.ts";
import {
  baseDtypeOption,
  baseTypes,
  type CheckpointingOption,
  checkpointingOption,
  modelPath,
  positiveNumber,
} from "./arguments.ts";
import { type Command, InvalidArgumentError, Option } from "./commander.ts";
import { type CommonOptions, print } from "./common.ts";
import { configOf, oneModel } from "./counted_model.ts";
import {
  type Forecast,
  forecast,
  type ForecastOptions,
  precisions,
  ranWith,
} from "./memory_forecast.ts";
import { addMethodOptions, methodOf, type MethodOptions } from "./method.ts";
import { table } from "./table.ts";

interface MemoryOptions
  extends CommonOptions, MethodOptions, Omit<ForecastOptions, "length" | "quantized"> {
  readonly model?: string;
  readonly length?: number;
}

const help = `
The step runs in F32 with AdamW (adamw or adamw8bit) on the dry device, which
counts bytes and computes nothing. Other optimizers and types are converted from
that by closed formulas:
  mixed       two bytes per value, and an F32 copy of what is trained
  nf4         linear layers in 4 bits, all else in two bytes, adapters in F32
  nf4-double  as nf4, with the scales of the 4-bit values in 8 bits
In all three, activations take two bytes per value. The memory for unpacking a
4-bit matrix is not counted. The process takes about 0.3 GB more, for Deno,
compiled code and what loading copies. With prompts and completions, only the
tokens of completions have a label, and only these reach the head: --labeled
says how many there are. --base-dtype is how a frozen base is stored, in a step
that runs so, with all its memory: f16, bf16, or with auto as the configuration
says; nf4 and fp4, the linear layers of the blocks in 4 bits, as QLoRA and train
store them. A folder on disk that is in 4 bits already is counted in the blocks
that its files have. Of a config.json, and of a repository of the hub, nothing
else is read: it does not say how large the blocks are, and 64 is assumed.

JSON: {"byRole", "live", "peak", "fullPeak", "byFormula"} in bytes. byRole sums
to the peak; live is what remains between steps; fullPeak is the peak of full
fine-tuning, in mixed if dtype is nf4; byFormula is the peak by closed formulas
alone, or null where no formula covers it: for other methods than full and lora,
other families than GPT-2, blocks that are adapted differently, a base in 4
bits, and with --activation-checkpointing.`;

/** Adds `memory`, which predicts the bytes of a training step by running it on the dry device. */
export function addMemory(program: Command): void {
  const command = program.command("memory").description(
    "predict the memory of a training step by role",
  )
    .argument(
      "[model]",
      "name of a published model, Hugging Face folder or config.json",
      modelPath,
    )
    .option("--model <path>", "the model, instead of the argument", modelPath)
    .option("--batch <n>", "sequences per step", positiveNumber, 8)
    .option("--length <n>", "tokens per sequence (default: 64, or as many as fit)", positiveNumber)
    .option("--labeled <n>", "tokens of a step that have a label (default: all)", positiveNumber)
    .addOption(
      new Option("--optimizer <name>", "optimizer whose state is counted").choices(optimizerNames)
        .default("adamw"),
    )
    .addOption(
      new Option("--dtype <type>", "how the whole step stores its values").choices(precisionNames)
        .argParser(precision).default("f32"),
    )
    .addOption(baseDtypeOption())
    .addOption(checkpointingOption());
  addMethodOptions(command).addHelpText("after", help).action(run);
}

const precisionNames = Object.keys(precisions);

function precision(name: string): string {
  if (precisionNames.includes(name)) return name;
  const isOfBase = Object.hasOwn(baseTypes, name);
  const other = isOfBase ? `; for the base alone there is --base-dtype ${name}` : "";
  throw new InvalidArgumentError(`It must be one of ${precisionNames.join(", ")}${other}.`);
}

async function run(argument: string | undefined, given: MemoryOptions): Promise<void> {
  const model = oneModel("memory", [argument, given.model])!, method = methodOf(given);
  const config = await runnableConfig(model), length = given.length ?? usualLength(config, method);
  const quantized = await fourBitForms(model);
  const options = { ...given, length, quantized }, found = await forecast(config, options, method);
  const { peak: byRole, live, byFormula } = found, peak = sumOf(byRole);
  assertExact(peak); // Before the full step: it indexes every row of the embeddings.
  const isFull = method.kind === "full", dtype = fullType(options);
  const full = isFull
    ? found
    : await forecast(config, { ...options, dtype, baseDtype: "f32" }, { kind: "full" });
  const fullPeak = sumOf(full.peak);
  assertExact(fullPeak);
  print(
    options,
    { byRole, live: sumOf(live), peak, fullPeak, byFormula: byFormula ?? null },
    () =>
      [
        heading(found, options),
        describe(found),
        ...(isFull ? [] : [comparison(peak, fullPeak, dtype)]),
        ...footnote(options),
        ...byRole.quantized > 0 && isGuess(config, options) ? [guess] : [],
        ...byFormula ? [] : [noFormula(config, method, options, byRole.quantized > 0)],
      ].join("\n\n"),
  );
}

/** 64 tokens, or as many as fit beside virtual ones. */
function usualLength(config: ConfigJson, method: MethodSpec): number {
  const { positions = Infinity } = architectureOf(config);
  return Math.max(1, Math.min(64, positions - ("length" in method ? method.length : 0)));
}

/** Nothing that is trained can be stored in 4 bits. */
const fullType = ({ dtype }: Pick<ForecastOptions, "dtype">): ForecastOptions["dtype"] =>
  dtype === "f32" ? dtype : "mixed";

const comparison = (peak: number, full: number, dtype: string): string =>
  `full fine-tuning of the same step in ${dtype} needs ${formatBytes(full)} at the peak, ${
    digits(full / peak, 3)
  } times as much`;

function assertExact(bytes: number): void {
  if (Number.isSafeInteger(bytes)) return;
  throw new RangeError(
    `the bytes of a step must be below 2^53 to be exact, found about ${bytes.toExponential(1)}`,
  );
}

async function runnableConfig(model: string): Promise<ConfigJson> {
  const json = await configOf(model), type = json?.model_type;
  if (json && runnableTypes.some((known) => known === type)) {
    const { dtype, torch_dtype, quantization_config } = json; // Not all families keep these.
    return { ...completeConfig(json), dtype, torch_dtype, quantization_config };
  }
  throw new RangeError(
    `predicting memory needs a configuration of model_type ${anyRunnable}, found ${
      json ? type : "none"
    }`,
  );
}

/** How a folder's files have weights in 4 bits; undefined if none are on disk: the hub's would be downloaded. */
async function fourBitForms(model: string): Promise<ForecastOptions["quantized"]> {
  if (isHubName(model) || await kindOf(model) !== "folder") return undefined;
  const files = await weightFilesIn(model, "model");
  return files.length > 0 ? await fourBitFormsIn(model) : undefined;
}

/** Whether the base is one in 4 bits of which only the configuration is known. */
const isGuess = (config: ConfigJson, { quantized }: ForecastOptions): boolean =>
  quantizationOf(config) !== undefined && quantized === undefined;

const guess = "Blocks of 64 are assumed: only the configuration was read, which does not say how " +
  "large they are.";

function heading(
  { parameters, trained }: Forecast,
  { batch, length, labeled = batch * length }: ForecastOptions,
): string {
  const [all, some, sequences, tokens, labels] = [parameters, trained, batch, length, labeled]
    .map((count) => count.toLocaleString("en-US"));
  const step = `base: ${all} parameters; trained: ${some}; a step: ${sequences} x ${tokens} tokens`;
  return labeled < batch * length ? `${step}, ${labels} with a label` : step;
}

function describe({ live, peak, byFormula }: Forecast): string {
  const row = (name: string, pick: (bytes: Partial<BytesByRole>) => number) => ({
    name,
    live: pick(live),
    peak: pick(peak),
    formula: byFormula ? pick(byFormula) : "–",
  });
  const rows = roles.filter((role) => peak[role] > 0)
    .map((role) => row(role, (bytes) => bytes[role] ?? 0));
  return table([...rows, row("all", sumOf)], [
    ["role", ({ name }) => name],
    ["between steps", ({ live }) => live],
    ["", ({ live }) => formatBytes(live)],
    ["at the peak", ({ peak }) => peak],
    ["", ({ peak }) => formatBytes(peak)],
    ["by formula", ({ formula }) => formula],
  ]);
}

function footnote({ optimizer, dtype }: ForecastOptions): string[] {
  if (dtype === "f32" && optimizer === ranWith({ optimizer, dtype })) return [];
  return [`The step ran with AdamW in F32; formulas convert it to ${optimizer} in ${dtype}.`];
}

/** Why the last column is empty. */
function noFormula(
  { model_type }: ConfigJson,
  { kind }: MethodSpec,
  { activationCheckpointing }: CheckpointingOption,
  isQuantized: boolean,
): string {
  const why = activationCheckpointing
    ? "the formulas are of steps that keep all activations, found --activation-checkpointing"
    : kind !== "full" && kind !== "lora"
    ? `there are formulas for full fine-tuning and lora only, found ${kind}`
    : isQuantized
    ? "there are none for a base in 4 bits"
    : model_type === "gpt2"
    ? "the formulas need a language model's head, blocks that are adapted alike, and one rate of dropout"
    : `there are formulas for GPT-2 only, found ${model_type}`;
  return `No closed formula covers this step: ${why}.`;
}

const sumOf = (bytes: Partial<BytesByRole>): number =>
  Object.values(bytes).reduce((sum, some) => sum + some, 0);
