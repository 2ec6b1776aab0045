/** `lowrank convert`. @module */

import { type Conversion, convertFolder } from "../../adapt/convert/convert.ts";
import type { AdapterDialect } from "../../adapt/convert/dialects.ts";
import { digits, howMany } from "../../core/numbers.ts";
import { type LowrankCommand, option, required } from "../command.ts";
import {
  assertNoTraining,
  assertOtherFolder,
  type CommonOptions,
  note,
  print,
  table,
  takeBase,
} from "../common.ts";
import {
  type AllowOption,
  allowOption,
  Argument,
  dtypeOf,
  type DtypeOption,
  dtypeOption,
  finiteNumber,
  InvalidArgumentError,
  list,
  modelFolder,
} from "../options.ts";

interface ConvertOptions extends CommonOptions, AllowOption, DtypeOption {
  readonly to: AdapterDialect;
  readonly output: string;
  readonly base?: string;
  readonly alpha?: number;
  readonly enableLora?: boolean[];
  readonly network?: string;
  readonly taskType?: string;
}

/** Those that PEFT has a class of models for. */
const taskTypes = [
  ...["SEQ_CLS", "SEQ_2_SEQ_LM", "CAUSAL_LM", "TOKEN_CLS", "QUESTION_ANS", "FEATURE_EXTRACTION"],
];

const help = `
The form of the input is found from its keys: a PEFT folder, or a safetensors
file (or a folder with one) of kohya's scripts, of diffusers, or of loralib. A
folder is written: PEFT's files, pytorch_lora_weights.safetensors (kohya), or
lora.safetensors (loralib).

VeRA becomes LoRA with the same dW, of its rank or of the smaller side of the
weight: with --base, which says how many inputs a layer has.

The proof: the new file is made in memory, read back, and compared with the
original. For each module, "difference" is the largest of all entries of
dW - dW', in float64, and "allowed" what rounding can explain. Above that,
nothing is written. 0 means that dW is the same. Values are stored as they were;
--dtype gives another type, to which A, B and all other tensors are rounded.

What a form does not say must be given:
  --base         kohya writes h_0_attn for h.0.attn: the base's layers tell. It
                 also becomes the adapter's base, where that is not stated
  --task-type    PEFT's classes Auto... need it, such as SEQ_CLS
  --alpha        loralib's files, and PEFT's weights without a configuration,
                 do not say alpha
  --enable-lora  which parts of a fused weight loralib's MergedLinear adapts,
                 such as true,false,true for queries and values. In PEFT they
                 are one module of their ranks' sum, with zeros in B

Readers that know r and lora_alpha alone: combine ADAPTER writes rsLoRA and
other scalings with alpha = r and, with --base, DoRA as A and B.`;

/** Writes an adapter in another program's form. */
export const convertCommand: LowrankCommand = {
  name: "convert",
  summary: "write an adapter in the form of another program",
  arguments: [new Argument("<adapter>", "PEFT folder, or a safetensors file of another program")],
  options: [
    option("--to <form>", "form to write").choices(["peft", "kohya", "loralib"]).default("peft"),
    required("--output <folder>", "folder to write"),
    option("--base <folder>", "Hugging Face folder or GGUF file of the base", modelFolder),
    option("--alpha <number>", "alpha of modules for which the file has none", finiteNumber),
    option("--enable-lora <flags>", "enable_lora of loralib's MergedLinear", flags),
    option("--task-type <type>", "task type of PEFT (default: the adapter's)").choices(taskTypes),
    option("--network <name>", "with --to kohya: part of a diffusion model, such as te or unet"),
    dtypeOption("the adapter's, or f32"),
    allowOption(),
  ],
  permissions: ["read", "write", "library"],
  help,
  example: "convert models/rank-study/qv-r8-seed1 --to kohya --output kohya",
  run,
};

async function run(adapter: string, options: ConvertOptions): Promise<void> {
  const { to, output, enableLora: enabled, network } = options;
  if (network !== undefined && to !== "kohya") {
    throw new RangeError(`--network is for --to kohya, found --to ${to}`);
  }
  await assertOtherFolder(adapter, output);
  await assertNoTraining(output);
  if (options.base !== undefined) await takeBase(options, options.base, [adapter]);
  const done = await convertFolder({ ...options, adapter, enabled, dtype: dtypeOf(options) });
  const { notes, ...document } = done;
  for (const text of notes) note(options, text);
  print(options, { ...document, to }, () => describe(done, options));
}

/** `true,false,true`. */
function flags(text: string): boolean[] {
  const words = list(text);
  if (words.every((word) => word === "true" || word === "false")) {
    return words.map((word) => word === "true");
  }
  throw new InvalidArgumentError("It must be true and false, such as true,false,true.");
}

function describe(done: Conversion, { to, output, dtype: asked }: ConvertOptions): string {
  const { from, modules, carried, dtype, alpha, files } = done;
  const { difference } = modules.reduce((a, b) => b.difference > a.difference ? b : a);
  return [
    table(modules, [
      ["module", ({ module }) => module],
      ["rank before", ({ rankBefore }) => rankBefore],
      ["rank", ({ rank }) => rank],
      ["scaling", ({ scaling }) => digits(scaling, 4)],
      ["difference", ({ difference }) => shown(difference)],
      ["allowed", ({ limit }) => shown(limit)],
    ]),
    `largest difference of dW: ${shown(difference)}` +
    (carried > 0
      ? `; ${howMany(carried, "other tensor")} carried over ${
        asked ? `in ${dtype}` : "bit for bit"
      }`
      : ""),
    `wrote ${files.join(", ")} to ${output}: ${from} to ${to}, in ${dtype}` +
    (alpha === undefined ? "" : `; loralib needs lora_alpha = ${alpha}`),
  ].join("\n\n");
}

const shown = (value: number): string => value === 0 ? "0" : value.toPrecision(2);
