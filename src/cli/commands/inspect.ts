/** `lowrank inspect`. @module */

import { isVera, readVera, refuseWithoutBase } from "../../adapt/vera/read.ts";
import { withinSides } from "../../adapt/vera/updates.ts";
import { terminalLine } from "../../core/errors.ts";
import { listNames } from "../../core/module_names.ts";
import { boundsOf, digits, grouped, howMany } from "../../core/numbers.ts";
import { sizeOf } from "../../core/tensor.ts";
import type { UpdateShape } from "../../core/update.ts";
import { assertAdapterFolder } from "../../formats/folder_kind.ts";
import { type PeftAdapter, siteName, type TrainedUpdate } from "../../formats/mod.ts";
import { AdapterFolder } from "../../formats/peft/adapter_folder.ts";
import { AdapterReader } from "../../formats/peft/folder.ts";
import { type KindRow, mediansByKind, sharedPrefix, shortNames } from "../../inspect/describe.ts";
import { openBaseWeights, type UpdateRow } from "../../inspect/mod.ts";
import { UpdatePool } from "../../inspect/update_pool.ts";
import { openBase } from "../../models/base_file.ts";
import { type LowrankCommand, option } from "../command.ts";
import {
  type Column,
  type CommonOptions,
  mostRows,
  note,
  notePassed,
  print,
  table,
  takeBase,
} from "../common.ts";
import { type AllowOption, allowOption, Argument, call, modelFolder, share } from "../options.ts";

/** An update as far as a summary needs it. */
type ScaledShape = UpdateShape & { readonly scaling: number };

/** The subject of a summary. */
export interface Summarized {
  /** The base that its configuration names. */
  readonly baseModelName?: string;
  /** The rank of its configuration. */
  readonly rank: number;
  /** Its updates. */
  readonly updates: readonly ScaledShape[];
  /** Of VeRA, how many values its vectors have, which alone are trained. */
  readonly vectors?: number;
  /** True if B alone is trained. */
  readonly freezeA?: boolean;
}

/** Base, parameters, sites, rank and scaling, and where PEFT's rank is another. */
function summaryOf(
  { baseModelName, rank, updates, vectors, freezeA }: Summarized,
): string {
  const sizes = updates.map(({ A, B }) => (freezeA ? 0 : sizeOf(A.shape)) + sizeOf(B.shape));
  const values = sizes.reduce((sum, size) => sum + size, 0);
  const which = vectors ? " (VeRA's b and d)" : freezeA ? " (B alone)" : "";
  const modules = Map.groupBy(updates, ({ module }) => module);
  const prefix = sharedPrefix(updates.map(siteName));
  return [
    `base: ${baseModelName ?? "not stated"}`,
    `adapts: ${howMany(updates.length, "site")} (${kindsOf(updates).join(", ")}) in ${
      howMany(modules.size, "weight")
    }${prefix && `; names begin with ${prefix}`}`,
    `trained: ${grouped(vectors ?? values)} values${which}; rank ${
      spanOf(updates.map(({ A }) => A.shape[0]))
    }; scaling ${spanOf(updates.map(({ scaling }) => scaling))}`,
    ...fusedNote(modules, rank),
  ].map(terminalLine).join("\n");
}

/** An adapter of all linear layers of a Llama has seven. */
const mostKinds = 8;

/** Roles where they are known, else the last parts of the modules' names. */
function kindsOf(updates: readonly ScaledShape[]): string[] {
  const kinds = [...new Set(updates.map(({ role, module }) => role ?? module.split(".").at(-1)!))];
  return kinds.length <= mostKinds ? kinds : [...kinds.slice(0, mostKinds), "…"];
}

function spanOf(values: readonly number[]): string {
  const [least, most] = boundsOf(values).map((value) => Number(digits(value, 4)));
  return least === most ? `${least}` : `${least} to ${most}`;
}

/** Several sites of one weight are one module of PEFT's, whose rank is the sum of theirs. */
function fusedNote(modules: Map<string, ScaledShape[]>, rank: number): string[] {
  const [sites] = [...modules.values()].filter(({ length }) => length > 1);
  if (sites === undefined) return [];
  const ranks = sites.map(({ A }) => A.shape[0]).join(" + ");
  return [
    `in PEFT: r = ${rank}, as it sees the ${sites.length} sites of a weight as one module of rank ${ranks}`,
  ];
}

/** Reads an adapter's configuration and updates, and notes what else its folder contains. */
export async function readUpdates(
  folder: string,
  options: CommonOptions & AllowOption,
): Promise<PeftAdapter> {
  const updates: TrainedUpdate[] = [];
  const others = await eachUpdate(folder, options, (update) => void updates.push(update));
  return { ...others, updates };
}

/** The same with one update after the other in memory. */
async function eachUpdate(
  folder: string,
  options: CommonOptions & AllowOption,
  take: (update: TrainedUpdate) => void | Promise<void>,
  open?: AdapterFolder,
): Promise<Omit<PeftAdapter, "updates">> {
  using reader = await openUpdates(folder, options, open);
  for (const module of reader.modules) {
    for (const update of await reader.read(module)) await take(update);
  }
  return await finishUpdates(folder, options, reader);
}

/** Opens an adapter whose updates alone are read, module by module. */
export async function openUpdates(
  folder: string,
  { allow }: AllowOption,
  open = new AdapterFolder(folder),
): Promise<AdapterReader> {
  await assertAdapterFolder(folder);
  return await AdapterReader.open(open, { updatesOnly: true, allow });
}

/** Reads the rest, and notes what else the folder contains. */
export async function finishUpdates(
  folder: string,
  options: CommonOptions,
  reader: AdapterReader,
): Promise<Omit<PeftAdapter, "updates">> {
  const rest = await reader.finish(), { leftOut, passed } = rest;
  notePassed(options, folder, passed);
  if (leftOut.length > 0) {
    note(options, `left out of ${folder}, beside A and B: ${listNames(leftOut)}`);
  }
  return rest;
}

/** Gives each update of an adapter to `take`; returns what the adapter is, in a few lines. */
async function eachInspected(
  folder: string,
  options: CommonOptions & AllowOption & { readonly base?: string },
  take: (update: TrainedUpdate) => Promise<void>,
): Promise<string> {
  await assertAdapterFolder(folder);
  using open = new AdapterFolder(folder);
  if (await isVera("inspect", open)) return await eachOfVera(folder, options, take, open);
  const updates: (UpdateShape & Pick<TrainedUpdate, "scaling">)[] = [];
  const { config, freezeA } = await eachUpdate(folder, options, async (update) => {
    updates.push(shapeOf(update));
    await take(update);
  }, open);
  return summaryOf({ ...config, updates, freezeA });
}

/** An update without its values, which need not stay in memory. */
export const shapeOf = ({ A, B, ...update }: TrainedUpdate) => ({
  ...update,
  A: { shape: A.shape },
  B: { shape: B.shape },
});

async function eachOfVera(
  folder: string,
  { base, ...options }: CommonOptions & AllowOption & { readonly base?: string },
  take: (update: TrainedUpdate) => Promise<void>,
  open: AdapterFolder,
): Promise<string> {
  if (options.allow) throw new RangeError(`--allow is about LoRA, found VeRA in ${folder}`);
  if (base === undefined) refuseWithoutBase("inspect", folder);
  using file = await openBase(base);
  const { config, vectors, others, updates } = await readVera(file, open);
  if (others.size > 0) {
    note(options, `left out of ${folder}, beside VeRA's vectors: ${listNames([...others.keys()])}`);
  }
  for (const update of updates) await take(withinSides(update));
  const trained = Array.from(vectors.values()).reduce((sum, { data }) => sum + data.length, 0);
  return summaryOf({ ...config, updates, vectors: trained });
}

interface InspectOptions extends CommonOptions, AllowOption {
  readonly base?: string;
  readonly error: number;
  readonly intruders?: boolean;
}

const help = `
An adapter adds an update dW = scaling B A to each weight that it changes, where
the scaling is alpha / rank. The singular values of dW say how strongly it acts
in each of its directions, of which it has as many as its rank.

Columns:
  |dW|       size of dW: root of the sum of its squared values (Frobenius norm)
  largest    largest singular value
  spectrum   first 8 singular values, as bars
  stable     how many directions matter: |dW|^2 / largest^2 (stable rank)
  effective  the same from the shares p of the singular values in their sum:
             exp(-sum p ln p) (effective rank)
  90%        number of directions that hold 90% of |dW|^2
  needed     lowest rank whose relative error is at most --error
With --base, in a second table:
  |dW|/|W|   size of the update relative to the weight W
  factor     |dW| / |U' W V|: how many times as strong as W dW is in its own
             directions U and V (amplification factor, Table 7 of the paper)
  random     what the factor would be in as many random directions: |dW| over
             the root mean square of |U' W V| there, r |W| / sqrt(in out)
  ratio      factor / random: near 1, the factor says only how large dW is;
             below 1, W has more in the directions of dW than in random ones
             (1/16 in Table 7, for r = 4); above 1, it has less there
With --base and --intruders also:
  intruders  how many of the first 10 left singular vectors of W + dW have no
             cosine of 0.5 with any of W (Shuttleworth et al. 2024)

The base may be of any family, in F32, F16 or BF16, or a GGUF file of a Llama or
Qwen2; only the weights that the adapter changes are read. Whether a file holds
them as (out, in) or turned says the architecture where it is known, or else the
shape of dW.

VeRA needs --base, as its file does not say how many inputs a layer has. DoRA's
change depends on the weight: inspect what combine --base makes of it. Of other
methods (TinyLoRA, a random subspace, …) merge writes a model, and extract finds
the LoRA that is closest to its change.

A low "90%" with a high "needed" is usual: 5% of error is strict. What "90%"
counts is --error 0.316. An adapter trained at a low rank is often better than
one that was cut to it.

A site is a weight, or some of its rows: GPT-2 keeps q, k and v in one weight.
Each site has a row, named name:q, or name[first row:end] if the file does not
name the sites. A table of more than 24 rows is preceded by the medians of each
kind of layer: a mean would show the one layer in which a factor is in the
thousands. Each column has a median of its own, so that the ratio there is not
that of the factors beside it. --json prints more, with full names.`;

/** Describes the updates of an adapter one by one. */
export const inspectCommand: LowrankCommand = {
  name: "inspect",
  summary: "show rank, size and spectrum of every update in an adapter",
  arguments: [new Argument("<adapter>", "PEFT folder")],
  options: [
    option("--base <folder>", "Hugging Face folder or GGUF file of the base", modelFolder),
    option("--intruders", "with --base: count directions of W + dW that W does not have"),
    option("--error <share>", "relative error allowed for the suggested rank", share, 0.05),
    allowOption(),
  ],
  uses: ["--seed"],
  permissions: ({ intruders }) => intruders ? ["read", "library"] : ["read"],
  instead: {
    "--model": "it is --base",
    "--adapter": "the adapter's folder is the argument",
    "--rank": "inspect finds the ranks; resize cuts to one",
  },
  help,
  example: "inspect models/rank-study/qv-r8-seed1 --base models/tiny-gpt2",
  run,
};

async function run(folder: string, options: InspectOptions): Promise<void> {
  if (options.intruders && options.base === undefined) {
    throw new RangeError("--intruders needs the base's weights: give --base too");
  }
  await assertAdapterFolder(folder);
  if (options.base !== undefined) await takeBase(options, options.base, [folder]);
  const { summary, rows } = await describeAll(folder, options), kinds = mediansByKind(rows);
  print(options, { modules: rows, kinds }, () =>
    [
      summary,
      ...(rows.length > mostRows ? kindTables(kinds, options) : []),
      ...siteTables(withShortNames(rows), options),
      legendOf(options, rows.length > mostRows),
    ].join("\n\n"));
}

/** Goes through the updates one by one, so that few of them, and of base weights, are in memory. */
async function describeAll(folder: string, options: InspectOptions) {
  const { base, error, seed, intruders } = options;
  using weights = base === undefined ? undefined : await openBaseWeights(base);
  using pool = new UpdatePool("describe");
  const summary = await eachInspected(folder, options, async (update) => {
    await pool.add([update], { error, seed, intruders, weight: await weights?.weightOf(update) });
  });
  return { summary, rows: await pool.finish() };
}

/** Medians over the layers of a kind. */
function kindTables(kinds: readonly KindRow[], { base }: InspectOptions): string[] {
  const kind: Column<KindRow> = ["medians by kind", ({ kind }) => kind];
  const own = table(kinds, [
    kind,
    ["sites", ({ sites }) => sites],
    ["rank", ({ rank }) => `${Number(digits(rank, 3))}`],
    ["|dW|", ({ frobenius }) => digits(frobenius, 4)],
    ["stable", ({ stableRank }) => stableRank.toFixed(2)],
    ["effective", ({ effectiveRank }) => effectiveRank.toFixed(2)],
    ["90%", ({ energyRank90 }) => energyRank90.toFixed(1)],
    ["needed", ({ suggestedRank }) => suggestedRank.toFixed(1)],
  ]);
  return base === undefined ? [own] : [own, table(kinds, [kind, ...besideWeight])];
}

/** An update, or the median of several, beside the weight that it changes. */
const besideWeight: Column<
  Pick<KindRow, "relativeNorm" | "factor" | "randomFactor" | "timesRandom">
>[] = [
  ["|dW|/|W|", ({ relativeNorm }) => digits(relativeNorm!, 3)],
  ["factor", ({ factor }) => digits(factor!, 3)],
  ["random", ({ randomFactor }) => digits(randomFactor!, 3)],
  ["ratio", ({ timesRandom }) => digits(timesRandom!, 3)],
];

/** Rows without the beginning that all names share, which is in the summary. */
function withShortNames(rows: readonly UpdateRow[]): UpdateRow[] {
  const names = shortNames(rows.map(({ name }) => name));
  return rows.map((row, i) => ({ ...row, name: names[i] }));
}

/** The updates alone and, where the base is known, beside their weights: one table of both would be too wide. */
function siteTables(rows: readonly UpdateRow[], { base, intruders }: InspectOptions): string[] {
  const site: Column<UpdateRow> = ["site", ({ name }) => name];
  const own = table(rows, [
    site,
    ["rank", ({ rank }) => rank],
    ["|dW|", ({ frobenius }) => digits(frobenius, 4)],
    ["largest", ({ singularValues }) => digits(singularValues[0], 4)],
    ["spectrum", ({ singularValues }) => bars(singularValues)],
    ["stable", ({ stableRank }) => stableRank.toFixed(2)],
    ["effective", ({ effectiveRank }) => effectiveRank.toFixed(2)],
    ["90%", ({ energyRank90 }) => energyRank90],
    ["needed", ({ suggestedRank }) => suggestedRank],
  ]);
  if (base === undefined) return [own];
  const beside = rows.map((row) => ({ ...row, ...row.amplification }));
  return [own, table(beside, [site, ...besideWeight, ...(intruders ? [intruderColumn] : [])])];
}

const intruderColumn: Column<UpdateRow> = [
  "intruders",
  ({ intruders }) => `${intruders!.count} of ${intruders!.directions.length}`,
];

/** The meaning of the columns, in a few lines. */
function legendOf({ base, error, intruders }: InspectOptions, hasKinds: boolean): string {
  return [
    "|dW|: size of the update; spectrum: how strongly it acts in its first 8 directions; stable,",
    "effective: how many directions matter, by two measures; 90%: how many hold 90% of |dW|^2; needed:",
    `lowest rank within ${
      Number(digits(100 * error, 3))
    }% of the update. More: ${call} inspect --help`,
    ...base === undefined ? ["beside the weights of the base: --base FOLDER"] : [
      "factor: how many times as strong as W the update is in its own directions (the paper's Table 7);",
      "random: the same in random directions; ratio: factor / random, near 1 where the factor says only",
      "how large the update is",
      ...(hasKinds
        ? ["medians by kind: of each column on its own, so that ratio is not factor / random there"]
        : []),
      ...(intruders
        ? ["intruders: directions of W + dW, among its first, that W does not have"]
        : []),
    ],
  ].join("\n");
}

/** The first values as bars; the largest is a full bar. */
function bars(values: readonly number[]): string {
  const heights = "▁▂▃▄▅▆▇█";
  return values.slice(0, 8).map((value) => heights[Math.round(7 * value / (values[0] || 1))])
    .join("");
}
