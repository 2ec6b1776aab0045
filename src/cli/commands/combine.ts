/** `lowrank combine`. @module */

import {
  type CertifiedUpdate,
  combineFolders,
  type TotalError,
  type WeightedFolder,
} from "../../adapt/combine/combine.ts";
import {
  type CombinationMethod,
  combinationMethods,
  type MajoritySign,
} from "../../analysis/mod.ts";
import { quote } from "../../core/errors.ts";
import { digits } from "../../core/numbers.ts";
import { kindOf } from "../../storage/storage.ts";
import { type LowrankCommand, option, required } from "../command.ts";
import {
  assertNoTraining,
  type Column,
  type CommonOptions,
  note,
  notePassed,
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
  evaluateNext,
  modelFolder,
  positiveNumber,
  share,
} from "../options.ts";

/** A table with a row for every update, and a line for all of them. */
export function certificateTable(modules: readonly CertifiedUpdate[], total: TotalError): string {
  const hasRanks = modules.some(({ ranks }) => ranks.length > 0);
  return [
    table(modules, [
      ["module", ({ name }) => name],
      ...hasRanks ? [before] : [],
      ["rank", ({ rank }) => rank],
      ["|dW|", ({ norm }) => digits(norm, 4)],
      ["error", ({ error }) => percent(error)],
      ["least", ({ least }) => percent(least)],
    ]),
    `all together: error ${percent(total.error)}, least ${percent(total.least)} at these ranks`,
  ].join("\n\n");
}

const before: Column<CertifiedUpdate> = ["ranks before", ({ ranks }) => ranks.join(" + ")];

/** A share in percent; the rest that rounding to F32 leaves is not worth its digits. */
function percent(share: number): string {
  if (share === 0) return "0";
  if (share === Infinity) return "infinite";
  return share < 1e-6 ? "rounding" : `${digits(100 * share, 3)}%`;
}

/**
 * A folder and, after its last colon, its weight; 1 if there is none. A colon of `hf:OWNER/NAME` or of a drive is
 * not followed by a weight.
 *
 * @throws {RangeError} when what follows is no number.
 */
export function weightedFolder(text: string): WeightedFolder {
  const colon = text.lastIndexOf(":");
  const isPlain = colon < 0 || colon === 2 && text.startsWith("hf:") ||
    /^[a-z]:[\\/][^:]*$/i.test(text);
  if (isPlain) return { folder: text, weight: 1 };
  const [folder, written] = [text.slice(0, colon), text.slice(colon + 1)], weight = Number(written);
  if (folder !== "" && written.trim() !== "" && Number.isFinite(weight)) return { folder, weight };
  throw new RangeError(
    `an adapter to combine is FOLDER or FOLDER:WEIGHT with a number, such as out/a:0.5, found ${
      quote(text)
    }`,
  );
}

interface CombineOptions extends CommonOptions, AllowOption, DtypeOption {
  readonly method: CombinationMethod;
  readonly rank?: number;
  readonly density?: number;
  readonly sign?: MajoritySign;
  readonly base?: string;
  readonly output: string;
}

const help = `
Each adapter may have a weight after a colon: a:0.5 b:0.5 is their mean, a b:-1
their difference, a:0.3 b:0.7 a point between them. The result is one LoRA with
alpha = r, and the target is the sum of weight * dW of all adapters, whatever
their ranks and scalings are. A module that only some have counts as zero in the
others.

Columns: error is |dW - dW'| / |dW| in Frobenius norms, with dW the exact sum
and dW' what the file holds; least is the least that any update of that rank can
have. Methods:
  exact     the sum itself, of all ranks together; with --rank the closest one
            of that rank, whose error is the least
  cat, svd  the same by PEFT's names: all ranks, or --rank, by default the
            largest of the adapters
  linear    sums of A and of B, as in PEFT: products of one adapter's B with
            another's A come in. One rank in each module
  magnitude_prune, ties, dare_linear, dare_ties
            as in PEFT, of A and B: --density is the share of values to keep
  magnitude_prune_svd, ties_svd, dare_linear_svd, dare_ties_svd
            the same of dW, cut to --rank
DARE draws by --seed which values it keeps. One adapter alone stays what it is.

DoRA needs --base: what it makes of a weight, m V / |V| - W, is summed, and is
of full rank in general, so give a --rank too. Biases of B are summed. Modules
that were trained in full, such as a classifier, biases and rows of tokens
become W + sum of weight * (theirs - W), for which --base is needed unless the
weights sum to 1.

Each site of a weight, such as q and v, is combined separately, unless another
adapter has the whole weight, or rows that overlap. An adapter that the output
folder already holds is replaced, as a whole, unless it is the folder of a
training.`;

/** Writes a weighted sum of adapters. */
export const combineCommand: LowrankCommand = {
  name: "combine",
  summary: "write a sum of adapters with weights, and its error",
  arguments: [
    new Argument("<adapters...>", "PEFT folders, each with a weight after a colon (default: 1)"),
  ],
  options: [
    option("--method <name>", "how to combine them").choices(combinationMethods).default("exact"),
    option("--rank <r>", "rank of every update, or less where a sum has less", positiveNumber),
    option("--density <share>", "share of values that methods that prune keep", share),
    option("--sign <rule>", "how ties elects signs: by sums or by numbers (default: total)")
      .choices(["total", "frequency"]),
    option("--base <folder>", "Hugging Face folder or GGUF file of the base", modelFolder),
    required("--output <folder>", "PEFT folder to write"),
    dtypeOption("f32"),
    allowOption(),
  ],
  uses: ["--seed"],
  permissions: ["read", "write", "library"],
  instead: { "--weights": "an adapter's weight is after a colon, as in out/a:0.5 out/b:0.5" },
  help,
  example: "combine models/rank-study/qv-r8-seed1:0.5 other:0.5 --output mean",
  run,
};

/** A weight after an equals sign would be part of a folder's name. */
async function assertNoEquals(folder: string): Promise<void> {
  const [, name, weight] = /^([^=]+)=([-+.\d]+)$/.exec(folder) ?? [];
  if (name === undefined || await kindOf(folder) !== undefined) return;
  throw new RangeError(
    `an adapter's weight is after a colon, as in ${name}:${weight}, found ${quote(folder)}`,
  );
}

async function run(texts: readonly string[], options: CombineOptions): Promise<void> {
  const { method, output, base } = options, dtype = dtypeOf(options) ?? "F32";
  const adapters = texts.map(weightedFolder);
  for (const { folder } of adapters) await assertNoEquals(folder);
  const folders = adapters.map(({ folder }) => folder);
  const { rank, density, sign, seed, allow } = options;
  const request = { adapters, output, base, method, rank, density, sign, seed, dtype, allow };
  await assertNoTraining(output);
  if (base !== undefined) await takeBase(options, base, folders);
  const { modules, total, notes, passed } = await combineFolders(request);
  for (const [folder, names] of passed) notePassed(options, folder, names);
  for (const text of notes) note(options, text);
  print(options, { method, modules, total, dtype }, () =>
    [
      certificateTable(modules, total),
      `wrote the adapter to ${output}, in ${dtype}`,
      evaluateNext(base ?? "BASE", output),
    ].join("\n\n"));
}
