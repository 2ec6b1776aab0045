/** `lowrank memory`. @module */

import type { Precision } from "../../accounting/mod.ts";
import { type OptimizerName, optimizerNames } from "../../accounting/optimizers.ts";
import { countParameters } from "../../architectures/architecture.ts";
import {
  type Architecture,
  architectureOf,
  type ConfigJson,
  type SiteSelection,
} from "../../architectures/mod.ts";
import { isFloatDtype } from "../../core/float_types.ts";
import { digits } from "../../core/numbers.ts";
import { type BytesByRole, roles } from "../../device/mod.ts";
import { formatBytes } from "../../figures/format.ts";
import { weightFilesIn } from "../../formats/folder_kind.ts";
import type { FloatDtype } from "../../formats/mod.ts";
import {
  anyRunnable,
  completeConfig,
  type FourBitCode,
  fourBitFormsIn,
  quantizationOf,
  runnableTypes,
} from "../../models/mod.ts";
import { floatTypeOf } from "../../models/stored_forms.ts";
import {
  allocateMethod,
  type MethodSpec,
  type PredictionOptions,
  predictMemory,
} from "../../runs/mod.ts";
import { isHubName } from "../../storage/hub_name.ts";
import { kindOf } from "../../storage/storage.ts";
import { group, type LowrankCommand, option } from "../command.ts";
import { type CommonOptions, print, table } from "../common.ts";
import {
  Argument,
  type BaseDtypeOption,
  baseDtypeOption,
  baseTypeOf,
  baseTypes,
  type CheckpointingOption,
  checkpointingOption,
  InvalidArgumentError,
  modelPath,
  positiveNumber,
} from "../options.ts";
import { configOf, oneModel } from "./count.ts";
import { methodOf, type MethodOptions, methodOptions } from "./train/method.ts";

/** Precisions of a step, by the option's value. */
const precisions = {
  f32: "fp32",
  mixed: "mixed",
  nf4: "nf4",
  "nf4-double": "nf4-double",
} as const satisfies Record<string, Precision>;

const precisionNames = Object.keys(precisions);

/** The step whose bytes are wanted. */
export interface ForecastOptions extends BaseDtypeOption, CheckpointingOption {
  readonly batch: number;
  readonly length: number;
  /** Tokens of a step that have a label. Default: all. */
  readonly labeled?: number;
  readonly seed: number;
  readonly optimizer: OptimizerName;
  readonly dtype: keyof typeof precisions;
  /** The forms of weights that the model's files have in 4 bits, where they are there. */
  readonly quantized?: PredictionOptions["quantized"];
}

/** Its size, in bytes. */
export interface Forecast {
  /** Number of values in the base model, and of those that are trained. */
  readonly parameters: number;
  readonly trained: number;
  /** Bytes at the peak of a step, and bytes that remain between steps. */
  readonly peak: BytesByRole;
  readonly live: BytesByRole;
  /** The peak by closed formulas; undefined if no formula covers the method. */
  readonly byFormula: Partial<BytesByRole> | undefined;
}

/** Runs the step in F32 on the dry device, and converts it to an optimizer or a type that it cannot have. */
async function forecast(
  config: ConfigJson,
  options: ForecastOptions,
  method: MethodSpec,
): Promise<Forecast> {
  const { gpt2StepBytes } = await import("../../accounting/mod.ts");
  // First, so that an absurdly large model is refused before it is run.
  const architecture = architectureOf(config);
  const { batch, length, labeled, seed, activationCheckpointing, quantized } = options;
  const stored = storedAs(config, options);
  assertFits(stored, options, method);
  const adapt = (model: Parameters<typeof allocateMethod>[0]) =>
    void allocateMethod(model, method, seed);
  const step = { batch, length, labeled };
  const dtype = baseTypeOf(options);
  const prediction = { ...step, dtype, activationCheckpointing, quantized, adapt };
  const { byRole, peakByRole } = predictMemory(config, prediction);
  const restate = await restatement(architecture, options, method);
  const dropout = dropoutOf(config), lora = loraOf(method);
  const isKnown = !activationCheckpointing && !lora?.freezeA &&
    (method.kind === "full" || method.kind === "lora");
  const formula = dropout === undefined || !isKnown || !isFloatDtype(stored)
    ? undefined
    : gpt2StepBytes(config, { ...step, dropout, lora, dtype: stored });
  return {
    parameters: countParameters(architecture.tensors),
    trained: byRole.gradient / 4,
    peak: restate(peakByRole),
    live: restate(byRole),
    byFormula: formula && restate(formula),
  };
}

/** The type of the blocks' matrices: as it is asked, or in 4 bits as the files or the configuration say. */
function storedAs(config: ConfigJson, options: ForecastOptions): FloatDtype | FourBitCode {
  const asked = baseTypeOf(options), [form] = options.quantized?.values() ?? [];
  if (asked !== undefined && asked !== "auto") return asked;
  const code = form?.code ?? quantizationOf(config)?.code;
  return code ?? (asked === "auto" ? floatTypeOf(config) : "F32");
}

/** Throws for a base that a method, or a conversion, does not fit. */
function assertFits(
  stored: string,
  { baseDtype, dtype }: ForecastOptions,
  { kind }: MethodSpec,
): void {
  if (stored === "F32" || kind !== "full" && dtype === "f32") return;
  const rule = `${kind === "full" ? "full fine-tuning" : `--dtype ${dtype}`} needs a base in F32`;
  const adapted = kind === "full" ? "give --rank 8 for an adapter, or " : "";
  if (baseDtype === undefined) {
    throw new RangeError(`${rule}, found one in ${stored}: ${adapted}use --base-dtype f32`);
  }
  if (kind === "full") {
    throw new RangeError(
      `${rule}, found --base-dtype ${baseDtype}: ${adapted}use --base-dtype f32`,
    );
  }
  throw new RangeError(`--base-dtype ${baseDtype} needs --dtype f32, found ${dtype}`);
}

/** Converts the bytes of the step that ran to those of another optimizer and type. */
async function restatement(
  architecture: Architecture,
  { optimizer, dtype }: ForecastOptions,
  method: MethodSpec,
) {
  const { trainingBytes } = await import("../../accounting/mod.ts");
  if (dtype === "f32" && optimizer === "adamw") return <T extends object>(bytes: T): T => bytes;
  if (method.kind !== "full" && method.kind !== "lora") {
    throw new RangeError(
      `--dtype and --optimizer convert full fine-tuning and lora, found --method ${method.kind}`,
    );
  }
  const state = trainingBytes(architecture, precisions[dtype], loraOf(method), optimizer);
  const share = dtype === "f32" ? 1 : 1 / 2;
  return <T extends { readonly weight: number; readonly activation: number }>(bytes: T): T => {
    const { weight } = dtype === "f32" ? bytes : state;
    return { ...bytes, ...state, weight, activation: bytes.activation * share };
  };
}

/** True if a step drops values, as its configuration says; undefined for one rate alone: no formula covers it. */
function dropoutOf({ embd_pdrop, resid_pdrop }: ConfigJson): boolean | undefined {
  const [embeddings, residuals] = [embd_pdrop, resid_pdrop].map((rate) => Boolean(rate));
  return embeddings === residuals ? residuals : undefined;
}

function loraOf(
  method: MethodSpec,
): SiteSelection & { rank: number; freezeA?: boolean } | undefined {
  if (method.kind !== "lora") return undefined;
  const { rank, sites, targetModules, freezeA } = method;
  return { rank, sites, targetModules, freezeA };
}

interface MemoryOptions
  extends CommonOptions, MethodOptions, Omit<ForecastOptions, "length" | "quantized"> {
  readonly model?: string;
  readonly length?: number;
}

const help = `
The step runs in F32 with AdamW on the dry device, which counts bytes and
computes nothing. Other optimizers, which can be counted and not trained with,
and other types are converted from that by closed formulas:
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
bits, and with --freeze-a or --activation-checkpointing.`;

/** Predicts the bytes of a training step by running it on the dry device. */
export const memoryCommand: LowrankCommand = {
  name: "memory",
  summary: "predict the memory of a training step by role",
  arguments: [
    new Argument("[model]", "name of a published model, Hugging Face folder or config.json")
      .argParser(modelPath),
  ],
  options: [
    ...group("The model and a step:", [
      option("--model <path>", "the model, instead of the argument", modelPath),
      option("--batch <n>", "sequences per step", positiveNumber, 8),
      option(
        "--length <n>",
        "tokens per sequence (default: 64, or as many as fit)",
        positiveNumber,
      ),
      option("--labeled <n>", "tokens of a step that have a label (default: all)", positiveNumber),
      option("--optimizer <name>", "optimizer whose state is counted").choices(optimizerNames)
        .default("adamw"),
      option("--dtype <type>", "how the whole step stores its values").choices(precisionNames)
        .argParser(precision).default("f32"),
      baseDtypeOption(),
      checkpointingOption(),
    ]),
    ...methodOptions(),
  ],
  permissions: ["read"],
  help,
  example: "memory gpt2 --rank 4 --batch 8 --length 512",
  run,
};

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

/**
 * The forms of weights that a folder's files have in 4 bits; undefined if none are on disk: the hub's would be
 * downloaded.
 */
async function fourBitForms(model: string): Promise<ForecastOptions["quantized"]> {
  if (isHubName(model) || await kindOf(model) !== "folder") return undefined;
  const files = await weightFilesIn(model, "model");
  return files.length > 0 ? await fourBitFormsIn(model) : undefined;
}

/** True if the base is one in 4 bits of which only the configuration is known. */
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
  if (dtype === "f32" && optimizer === "adamw") return [];
  return [`The step ran with AdamW in F32; formulas convert it to ${optimizer} in ${dtype}.`];
}

/** The reason for an empty last column, as a sentence. */
function noFormula(
  { model_type }: ConfigJson,
  method: MethodSpec,
  { activationCheckpointing }: CheckpointingOption,
  isQuantized: boolean,
): string {
  const why = activationCheckpointing
    ? "the formulas are of steps that keep all activations, found --activation-checkpointing"
    : method.kind !== "full" && method.kind !== "lora"
    ? `there are formulas for full fine-tuning and lora only, found ${method.kind}`
    : loraOf(method)?.freezeA
    ? "the formulas are of A and B that are both trained, found A frozen"
    : isQuantized
    ? "there are none for a base in 4 bits"
    : model_type === "gpt2"
    ? "the formulas need a language model's head, blocks that are adapted alike, and one rate of dropout"
    : `there are formulas for GPT-2 only, found ${model_type}`;
  return `No closed formula covers this step: ${why}.`;
}

const sumOf = (bytes: Partial<BytesByRole>): number =>
  Object.values(bytes).reduce((sum, some) => sum + some, 0);
