/** `lowrank resize`. @module */

import { assertLora } from "../../adapt/load.ts";
import { type TruncatedUpdate, updateSingularValues } from "../../analysis/mod.ts";
import { boundsOf, digits } from "../../core/numbers.ts";
import type { UpdateShape } from "../../core/update.ts";
import { assertAdapterFolder, assertNoOtherKind } from "../../formats/folder_kind.ts";
import {
  type LowRankUpdate,
  siteName,
  type TrainedUpdate,
  writeAdapter,
} from "../../formats/mod.ts";
import { AdapterFolder } from "../../formats/peft/adapter_folder.ts";
import { eachOfRecord } from "../../formats/peft/folder.ts";
import { UpdatePool } from "../../inspect/update_pool.ts";
import { type LowrankCommand, option, required } from "../command.ts";
import {
  assertNoTraining,
  assertOtherFolder,
  type CommonOptions,
  notePassed,
  print,
  table,
} from "../common.ts";
import {
  type AllowOption,
  allowOption,
  Argument,
  dtypeOf,
  type DtypeOption,
  dtypeOption,
  positiveNumber,
  share,
} from "../options.ts";
import { shapeOf } from "./inspect.ts";

interface ResizeOptions extends CommonOptions, AllowOption, DtypeOption {
  readonly rank?: number;
  readonly energy?: number;
  readonly output: string;
}

const help = `
Every update is replaced by its best approximation of the new rank; error is
|dW - dW'| / |dW| in Frobenius norms, before dW' is rounded to the type in which
it is stored: the adapter's own unless --dtype gives another one. --energy keeps
in each update as many directions as are needed to hold that share of |dW|^2,
and at least one. --rank gives every update the same rank, unless its own is
lower: A and B then stay as they are, bit for bit, and --dtype alone changes how
they are stored. If the adapter has several sites in one weight, such as q and
v, each site, name:q or name[first row:end], is reduced separately. Modules that
were trained in full, such as a classifier, biases and rows of tokens are
copied. DoRA is refused: what it makes of dW depends on the base.

An adapter that the output folder already holds is replaced, as a whole, unless
it is the folder of a training.`;

/** Writes an adapter of lower rank. */
export const resizeCommand: LowrankCommand = {
  name: "resize",
  summary: "write the closest adapter of lower rank",
  arguments: [new Argument("<adapter>", "PEFT folder")],
  options: [
    option("--rank <r>", "rank of every update", positiveNumber),
    option(
      "--energy <share>",
      "share of |dW|^2 to keep in every update, above 0 and at most 1",
      share,
    ),
    required("--output <folder>", "PEFT folder to write"),
    dtypeOption("the adapter's"),
    allowOption(),
  ],
  permissions: ["read", "write"],
  help,
  example: "resize models/rank-study/qv-r8-seed1 --rank 4 --output smaller",
  run,
};

async function run(folder: string, options: ResizeOptions): Promise<void> {
  const { rank, energy, output } = options;
  if ((rank === undefined) === (energy === undefined)) {
    throw new RangeError(
      `resize needs one of --rank and --energy, found ${rank ? "both" : "neither"}`,
    );
  }
  await assertAdapterFolder(folder);
  using open = new AdapterFolder(folder);
  await assertLora("resize", open);
  await assertOtherFolder(folder, output);
  await assertNoOtherKind(output, "adapter");
  await assertNoTraining(output);
  using pool = new UpdatePool("cut");
  const before: ReturnType<typeof shapeOf>[] = [];
  const cut = rank === undefined ? { energy: energy! } : { rank };
  const record = await eachOfRecord(open, options, async (update) => {
    assertOwnSize(update);
    before.push(shapeOf(update));
    await pool.add([update], cut);
  });
  notePassed(options, folder, record.passed);
  const dtype = dtypeOf(options) ?? record.dtype;
  const cuts = await pool.finish(),
    updates = before.map((update, i) => ({ ...update, ...cuts[i] }));
  await writeAdapter(output, { ...record, dtype, updates });
  const rows = before.map((update, i) => rowOf(update, cuts[i]));
  print(options, { modules: rows, dtype }, () =>
    [
      describe(rows),
      ...(rows.some(({ before, rank }) => rank < before) ? [] : [nothingReduced(updates, options)]),
      `wrote the adapter to ${output}, in ${dtype}`,
    ].join("\n\n"));
}

/** With magnitudes, what becomes of dW depends on the weight that it is added to. */
function assertOwnSize({ module, magnitude }: TrainedUpdate): void {
  if (magnitude === undefined) return;
  throw new RangeError(
    `resize needs updates that are dW alone, found DoRA on "${module}", whose change of a weight ` +
      "depends on that weight: lowrank combine --base writes it as A and B",
  );
}

/** Says so, and which value would reduce the update that loses least. */
function nothingReduced(updates: readonly LowRankUpdate[], { energy }: ResizeOptions): string {
  const most = boundsOf(updates.map(({ A }) => A.shape[0]))[1];
  if (most === 1) return "nothing to reduce: every update has rank 1";
  if (energy === undefined) return `nothing to reduce: --rank ${most - 1} or lower would`;
  // Rounded down, so that the value does what is said of it.
  const share = Math.floor(1e4 * boundsOf(updates.map(shareWithoutLast))[1]) / 1e4;
  return `nothing to reduce: every direction is needed for that share; --energy ${share} would`;
}

/** The share of |dW|^2 that is left without the last direction. */
function shareWithoutLast(update: LowRankUpdate): number {
  const squares = updateSingularValues(update).map((value) => value ** 2);
  const all = squares.reduce((sum, square) => sum + square, 0);
  return squares.length === 1 ? 0 : 1 - squares.at(-1)! / all;
}

function rowOf(update: UpdateShape, { A, error }: TruncatedUpdate) {
  const [before, rank] = [update.A.shape[0], A.shape[0]];
  return { name: siteName(update), before, rank, error: error.relative };
}

function describe(rows: readonly ReturnType<typeof rowOf>[]): string {
  return table(rows, [
    ["module", ({ name }) => name],
    ["rank before", ({ before }) => before],
    ["rank", ({ rank }) => rank],
    ["error", ({ error }) => `${digits(100 * error, 3)}%`],
  ]);
}
