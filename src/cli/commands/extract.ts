/** `lowrank extract`. @module */

import { extractFolder, type Extraction } from "../../adapt/combine/extract.ts";
import { boundsOf, digits, howMany } from "../../core/numbers.ts";
import { kindOf } from "../../storage/storage.ts";
import { type LowrankCommand, required } from "../command.ts";
import { assertModelFolder, assertNoTraining, type CommonOptions, print } from "../common.ts";
import {
  Argument,
  dtypeOf,
  type DtypeOption,
  dtypeOption,
  evaluateNext,
  modelFolder,
  positiveNumber,
} from "../options.ts";
import { certificateTable } from "./combine.ts";

interface ExtractOptions extends CommonOptions, DtypeOption {
  readonly rank: number;
  readonly output: string;
}

const help = `
The update of every linear layer that has changed is the closest matrix of the
rank to W of the tuned model less W of the base; a smaller layer has a lower
rank. error is |dW - dW'| / |dW| in Frobenius norms, with dW' as the file holds
it; least is the least that any update of that rank can have. Weights in 4 bits
count as the floats that they stand for.

An adapter has linear layers alone: what else has changed, such as embeddings,
norms, biases and the head, is named with its change relative to its size, and
left out. A weight that holds queries, keys and values together is one layer.

An adapter that the output folder already holds is replaced, as a whole, unless
it is the folder of a training.`;

/** Writes an adapter of what full fine-tuning has changed. */
export const extractCommand: LowrankCommand = {
  name: "extract",
  summary: "write the closest adapter of a model trained in full",
  arguments: [
    new Argument("<base>", "Hugging Face folder of the base model").argParser(modelFolder),
    new Argument("<tuned>", "Hugging Face folder of the tuned model").argParser(modelFolder),
  ],
  options: [
    required("--rank <r>", "rank of every update", positiveNumber),
    required("--output <folder>", "PEFT folder to write"),
    dtypeOption("f32"),
  ],
  permissions: ["read", "write", "library"],
  help,
  example: "extract models/tiny-gpt2 tuned --rank 8 --output adapter",
  run,
};

async function run(base: string, tuned: string, options: ExtractOptions): Promise<void> {
  const { rank, output } = options, dtype = dtypeOf(options) ?? "F32";
  await assertNoTraining(output);
  for (const folder of [base, tuned]) {
    if (await kindOf(folder) === undefined) await assertModelFolder(folder, "extract");
  }
  const done = await extractFolder({ base, tuned, output, rank, dtype });
  print(options, { ...done, dtype }, () =>
    [
      `tuned minus base: ${tuned} - ${base}`,
      certificateTable(done.modules, done.total),
      heldBy(done),
      ...besides(done),
      `wrote the adapter to ${output}, in ${dtype}`,
      evaluateNext(base, output),
    ].join("\n\n"));
}

/** ‖ΔW′‖² of the best approximation is what it holds of ‖ΔW‖². */
function heldBy({ modules, total: { error } }: Extraction): string {
  const [, most] = boundsOf(modules.map(({ rank }) => rank));
  const held = digits(100 * Math.max(0, 1 - error ** 2), 3);
  return `rank ${most} holds ${held}% of what has changed in these layers (of |dW|^2)`;
}

/** Sentences about what the adapter does not have, the largest changes first. */
function besides({ unchanged, leftOut }: Extraction): string[] {
  const sorted = leftOut.toSorted((a, b) => sizeOf(b) - sizeOf(a)), shown = sorted.slice(0, 5);
  const listed = shown.map(({ name, relativeNorm }) =>
    `${name} (${relativeNorm === undefined ? "new" : `${digits(100 * relativeNorm, 3)}%`})`
  );
  const rest = sorted.length > shown.length ? [`${sorted.length - shown.length} more`] : [];
  return [
    ...unchanged.length > 0 ? [`unchanged: ${howMany(unchanged.length, "linear layer")}`] : [],
    ...sorted.length > 0 ? [`changed, but left out: ${[...listed, ...rest].join(", ")}`] : [],
  ];
}

const sizeOf = ({ relativeNorm = Infinity }: Extraction["leftOut"][number]): number => relativeNorm;
