/** `lowrank quantize`. @module */

import { digits } from "../../core/numbers.ts";
import { formatBytes } from "../../figures/format.ts";
import { type QuantizedFolder, type QuantizedKind, quantizeFolder } from "../../models/mod.ts";
import { blockSizes, type FourBitCode, fourBitCodes } from "../../quant/quantized_tensor.ts";
import { type LowrankCommand, option } from "../command.ts";
import {
  assertModelFolder,
  assertOtherFolder,
  type CommonOptions,
  print,
  table,
} from "../common.ts";
import { Argument, modelFolder } from "../options.ts";

interface QuantizeCommandOptions extends CommonOptions {
  readonly code: FourBitCode;
  readonly blockSize: string;
  readonly doubleQuantization: boolean;
}

const help = `
The linear layers of the blocks are stored in 4 bits, byte for byte as
bitsandbytes does; embeddings, norms, biases and heads stay as they are.
With bitsandbytes installed, transformers loads the folder like any other. With
blocks of 64 and scales in 8 bits a weight needs 4.127 bits a value, and 1,088
bytes for what its codes stand for.

Columns: bits is the size in the file divided by the number of weights, error
the relative error of the weights (Frobenius norm), which is about 9% for NF4.

An adapter that is trained on such a base is QLoRA. Keep the original: merging
into 4 bits loses small updates (lowrank help merge).`;

/** Writes a model with its weights in 4 bits. */
export const quantizeCommand: LowrankCommand = {
  name: "quantize",
  summary: "write a model with the weights of its blocks in 4 bits",
  arguments: [
    new Argument("<model>", "Hugging Face folder or GGUF file").argParser(modelFolder),
    new Argument("<output>", "Hugging Face folder to write"),
  ],
  options: [
    option("--code <name>", "what the 4 bits stand for").choices(fourBitCodes).default("nf4"),
    option("--block-size <n>", "values that share a scale").choices(blockSizes.map(String))
      .default("64"),
    option("--no-double-quantization", "store the scales in F32, not in 8 bits"),
  ],
  permissions: ["read", "write"],
  instead: { "--output": "the folder to write is the second argument" },
  help,
  example: "quantize models/tiny-gpt2 quantized",
  run,
};

async function run(
  model: string,
  output: string,
  options: QuantizeCommandOptions,
): Promise<void> {
  const { code, blockSize, doubleQuantization } = options;
  await assertOtherFolder(model, output);
  await assertModelFolder(model, "quantize");
  const form = { code, blockSize: Number(blockSize), doubleQuantization };
  const done = await quantizeFolder(model, output, form);
  print(options, { ...form, ...done }, () => describe(done, output));
}

function describe({ kinds, bytesBefore, bytesAfter }: QuantizedFolder, output: string): string {
  const sizes = [bytesBefore, bytesAfter].map(formatBytes).join(" before, ");
  return [
    table(kinds, [
      ["modules", ({ kind }) => kind],
      ["number", ({ modules }) => modules],
      ["before", ({ bytesBefore }) => formatBytes(bytesBefore)],
      ["after", ({ bytesAfter }) => formatBytes(bytesAfter)],
      ["bits", (kind) => digits(bitsOf(kind), 4)],
      ["error", ({ relativeError }) => `${(100 * relativeError).toFixed(2)}%`],
    ]),
    "",
    `all tensors: ${sizes} after`,
    `wrote the quantized model to ${output}`,
  ].join("\n");
}

/** Bits per weight. */
const bitsOf = ({ bytesAfter, parameters }: QuantizedKind): number => 8 * bytesAfter / parameters;
