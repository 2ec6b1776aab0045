/** `lowrank combine`. @module */

import { combineFolders } from "../adapt/combine/combine_folders.ts";
import { type CombinationMethod, combinationMethods, type MajoritySign } from "../analysis/mod.ts";
import {
  type AllowOption,
  allowOption,
  dtypeOf,
  type DtypeOption,
  dtypeOption,
  modelFolder,
  positiveNumber,
  share,
} from "./arguments.ts";
import { evaluateNext } from "./call.ts";
import { quote } from "../core/quote.ts";
import { kindOf } from "../core/storage.ts";
import { certificateTable } from "./certificate_table.ts";
import { type Command, Option } from "./commander.ts";
import { type CommonOptions, note, noteOtherBase, notePassed, print } from "./common.ts";
import { assertNoTraining } from "./model_folder.ts";
import { weightedFolder } from "./weighted_folders.ts";

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

/** Adds `combine`, which writes a weighted sum of adapters. */
export function addCombine(program: Command): void {
  program.command("combine").description("write a sum of adapters with weights, and its error")
    .argument("<adapters...>", "PEFT folders, each with a weight after a colon (default: 1)")
    .addOption(
      new Option("--method <name>", "how to combine them").choices(combinationMethods)
        .default("exact"),
    )
    .option("--rank <r>", "rank of every update, or less where a sum has less", positiveNumber)
    .option("--density <share>", "share of values that methods that prune keep", share)
    .addOption(
      new Option("--sign <rule>", "how ties elects signs: by sums or by numbers (default: total)")
        .choices(["total", "frequency"]),
    )
    .option("--base <folder>", "Hugging Face folder or GGUF file of the base", modelFolder)
    .requiredOption("--output <folder>", "PEFT folder to write")
    .addOption(dtypeOption("f32"))
    .addOption(allowOption())
    .addHelpText("after", help)
    .action(run);
}

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
  const { modules, total, notes, passed } = await combineFolders(request);
  if (base !== undefined) await noteOtherBase(options, base, folders);
  for (const [folder, names] of passed) notePassed(options, folder, names);
  for (const text of notes) note(options, text);
  print(options, { method, modules, total, dtype }, () =>
    [
      certificateTable(modules, total),
      `wrote the adapter to ${output}, in ${dtype}`,
      evaluateNext(base ?? "BASE", output),
    ].join("\n\n"));
}
