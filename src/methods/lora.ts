/** LoRA (Hu et al. 2021) with its variants: DoRA, rsLoRA, PiSSA, OLoRA, LoftQ. @module */

import type { Architecture } from "../architectures/architecture.ts";
import {
  type LayerSite,
  selectLayerSites,
  vectorOption,
  type VectorOptions,
} from "../architectures/sites.ts";
import { quote } from "../core/errors.ts";
import { isNamed, listNames } from "../core/module_names.ts";
import { countRows, randomInits } from "../core/update.ts";
import { patternValues } from "../patterns/names.ts";
import type { FormulaValue, IsTrained, Method, Uncounted } from "./method.ts";
import {
  flag,
  modulesToSave,
  number,
  numbersByName,
  oneOf,
  rank,
  sites,
  targetModules,
  tokens,
} from "./option.ts";
import {
  countByLayer,
  type CountedModules,
  type CountedSites,
  isBias,
  selectionOf,
} from "./selection.ts";

/** Parts of the model that are trained beside low-rank updates. */
export interface CountedBeside extends CountedModules {
  /** Biases of the model: of all modules, or of those that are adapted. Default `none`. */
  readonly bias?: "none" | "all" | "lora_only";
  /** Tokens whose rows are trained, of the first embedding or by embeddings. Default: none. */
  readonly trainableTokens?: readonly number[] | Readonly<Record<string, readonly number[]>>;
}

/** LoRA, with all that it may train beside A and B. */
export interface CountedUpdates extends CountedSites, CountedBeside {
  /** True if every site has a magnitude for each row. Default false. */
  readonly dora?: boolean;
  /** True if every B has a bias. Default false. */
  readonly loraBias?: boolean;
  /** Ranks of some sites, by patterns for their names. */
  readonly rankPattern?: Readonly<Record<string, number>>;
  /** True if A stays as it begins, and B alone is trained. Default false. */
  readonly freezeA?: boolean;
}

/** All options of LoRA. */
export type LoraSettings =
  & CountedUpdates
  & Uncounted<"alpha" | "dropout" | "rankStabilized" | "alphaPattern" | "init">;

/** Starts that are computed from weights, and their names. */
const computedStarts: Readonly<Record<string, string>> = {
  pissa: "PiSSA",
  olora: "OLoRA",
  loftq: "LoftQ",
};

/** Low-rank updates of some sites of a model. */
export const lora: Method<"lora", LoraSettings> = {
  kind: "lora",
  summary: "low-rank updates; with `dora`, a magnitude for each row",
  options: {
    rank,
    alpha: {
      ...number,
      ...{ flag: "--alpha <a>", reads: "number" },
      help: "updates are multiplied by alpha / rank (default: the rank)",
    },
    ...{ sites, targetModules },
    dropout: number,
    rankStabilized: flag,
    rankPattern: numbersByName,
    alphaPattern: numbersByName,
    dora: flag,
    loraBias: flag,
    bias: oneOf("none", "all", "lora_only"),
    init: oneOf(...randomInits, ...Object.keys(computedStarts)),
    freezeA: {
      ...flag,
      flag: "--freeze-a",
      help: "train B alone: A stays as it begins, without gradient or moments",
    },
    modulesToSave,
    trainableTokens: tokens,
  },
  defaults: ({ sites, targetModules }) => {
    const isSelected = sites !== undefined || targetModules !== undefined;
    return { rank: 8, ...(isSelected ? {} : { sites: ["q", "v"] }) };
  },
  title: ({ rank, sites, targetModules, dora, rankStabilized, init, freezeA }) => {
    const kind = dora ? "DoRA" : rankStabilized ? "rsLoRA" : computedStarts[String(init)] ?? "LoRA";
    const name = freezeA ? `${kind} with A frozen` : kind;
    if (sites === undefined && targetModules === undefined) return name;
    return `${name} of rank ${rank} on ${[sites ?? targetModules].flat().join(", ")}`;
  },
  counts(model, options, value) {
    const { rank, rankPattern = {}, bias, trainableTokens, freezeA = false } = options;
    const rankOf = patternValues(rankPattern, "rankPattern");
    const sites = selectLayerSites(model.linears, selectionOf(options, { sites: ["q", "v"] }));
    if (freezeA) {
      assertNoTable(
        sites.map(({ name, layer: { kind } }) => ({ name, isTable: kind === "embedding" })),
      );
    }
    const frozenOf = (site: LayerSite) =>
      freezeA ? (rankOf(site.layer.name, site.name) ?? rank) * site.layer.inputs : 0;
    const updates = countByLayer(sites, (site) => {
      const ofSite = rankOf(site.layer.name, site.name) ?? rank;
      return siteParameters(site, ofSite, value) + vectorCount(site, options) - frozenOf(site);
    });
    const layers = [updates, rowCounts(model, trainableTokens)];
    return { layers, copies: biasesOfMode(bias, updates), frozen: countByLayer(sites, frozenOf) };
  },
  trains: "matrices",
  scaling: ({ rank, alpha = rank, rankStabilized }) => {
    if (rank === undefined) return 1; // An adapter that is trained further keeps its own.
    const r = Number(rank);
    return Number(alpha) / (rankStabilized ? Math.sqrt(r) : r);
  },
};

/**
 * Parameters of A and B of a site.
 *
 * @throws {RangeError} when the rank is not an integer of at least 1.
 */
export function siteParameters(
  { name, layer, rows }: LayerSite,
  rank: number,
  value: FormulaValue,
): number {
  if (Number.isInteger(rank) && rank >= 1) {
    return value("lowRankParameters", { r: rank, d_in: layer.inputs, d_out: countRows(rows) });
  }
  throw new RangeError(`the rank of ${name} must be a whole number of at least 1, found ${rank}`);
}

/**
 * Asserts that no site is an embedding, whose A begins as zero: frozen, it would change nothing for ever.
 *
 * @throws {RangeError} when one is.
 */
export function assertNoTable(
  sites: readonly { readonly name: string; readonly isTable: boolean }[],
): void {
  const table = sites.find(({ isTable }) => isTable);
  if (table) throw new RangeError(`freezeA needs linear layers, found the embedding ${table.name}`);
}

/** A value for each row of a site that has a vector beside A and B. */
function vectorCount({ name, rows, layer }: LayerSite, options: VectorOptions): number {
  const { outputs, kind } = layer, isTable = kind === "embedding";
  return vectorOption({ name, rows, outputs, isTable }, options) ? countRows(rows) : 0;
}

/**
 * The biases that a mode trains.
 *
 * @param adapted Names of the adapted layers.
 * @throws {RangeError} when there is no such mode.
 */
function biasesOfMode(
  mode: CountedBeside["bias"] = "none",
  adapted: { has(layer: string): boolean },
): IsTrained {
  const modes: Readonly<Record<string, IsTrained>> = {
    none: () => false,
    all: isBias,
    lora_only: (tensor, { name }) => isBias(tensor) && adapted.has(name),
  };
  if (Object.hasOwn(modes, mode)) return modes[mode];
  throw new RangeError(
    `bias must be one of ${Object.keys(modes).join(", ")}, found ${quote(mode)}`,
  );
}

/**
 * Values of rows of embeddings, by the names of these.
 *
 * @throws {RangeError} when there is no such embedding.
 */
function rowCounts(
  { linears }: Architecture,
  tokens: NonNullable<CountedBeside["trainableTokens"]> = {},
): Map<string, number> {
  const tables = linears.filter(({ kind }) => kind === "embedding");
  const byName = Array.isArray(tokens) ? { [tables[0]?.name ?? ""]: tokens } : tokens;
  return new Map(
    Object.entries(byName).map(([name, indices]) => {
      const table = tables.find((one) => isNamed(one.name, name));
      if (table && Array.isArray(indices)) return [table.name, indices.length * table.inputs];
      const known = listNames(tables.map(({ name }) => name));
      throw new RangeError(
        `trainableTokens must list tokens, or map embeddings of the model (${known}) to them, found ${
          quote({ [name]: indices })
        }`,
      );
    }),
  );
}
