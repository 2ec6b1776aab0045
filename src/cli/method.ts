/** What is trained: command-line options, and the `method` of a configuration file. @module */

import { type Command, Option } from "./commander.ts";
import type { MethodSpec } from "../runs/mod.ts";
import { finiteNumber, list, listOrPattern, positiveNumber } from "./arguments.ts";
import type { Fields } from "./cases.ts";
import {
  checkFields,
  flag,
  moduleNames,
  names,
  number,
  numbersByName,
  oneOf,
  positive,
  siteNames,
  tokens,
} from "./fields.ts";

/** Options that {@link addMethodOptions} adds; undefined if not given. */
export interface MethodOptions {
  /** Full fine-tuning, or low-rank adaptation. */
  readonly method?: "full" | "lora";
  /** Rank of every update. */
  readonly rank?: number;
  /** α. */
  readonly alpha?: number;
  /** Sites by role or module. */
  readonly sites?: string[];
  /** PEFT's target modules. */
  readonly targetModules?: string | string[];
}

/**
 * Adds `--method`, `--rank`, `--alpha`, `--sites` and `--target-modules`.
 *
 * @param usual What the method is where none is given.
 */
export function addMethodOptions(
  command: Command,
  usual = "lora if a lora option is given, else full",
): Command {
  return command
    .addOption(
      new Option(
        "--method <name>",
        `what to train (default: ${usual})`,
      )
        .choices(["full", "lora"]),
    )
    .option("--rank <r>", "lora: rank of every update (default: 8)", positiveNumber)
    .option(
      "--alpha <a>",
      "lora: updates are multiplied by alpha / rank (default: the rank)",
      finiteNumber,
    )
    .option("--sites <a,b>", "lora: any of q, k, v, o, up, down, or all (default: q,v)", list)
    .option(
      "--target-modules <a,b>",
      "lora: PEFT's target_modules: names, a pattern, or all-linear",
      listOrPattern,
    );
}

const rules = {
  name: oneOf("full", "lora"),
  kind: { ...oneOf("full", "lora"), isAlias: true as const },
  rank: positive,
  alpha: number,
  sites: siteNames,
  targetModules: names,
  dropout: number,
  rankStabilized: flag,
  rankPattern: numbersByName,
  alphaPattern: numbersByName,
  dora: flag,
  loraBias: flag,
  bias: oneOf("none", "all", "lora_only"),
  init: oneOf("kaiming", "gaussian"),
  modulesToSave: moduleNames,
  trainableTokens: tokens,
};

/** Checks the `method` of a configuration: a name, or an object with a `name` or `kind`. */
export function checkMethod(value: unknown): Fields {
  const { name, ...fields } = typeof value === "string"
    ? checkFields("method", { name: value }, rules)
    : checkFields("method", value, rules);
  return { ...fields, kind: fields.kind ?? name };
}

/**
 * The method given by the command line and, where that says nothing, by a configuration.
 *
 * @throws {RangeError} when full fine-tuning is combined with settings of an adapter.
 */
export function methodOf(options: MethodOptions, configured: Fields = {}): MethodSpec {
  const { kind: configuredKind, ...below } = configured;
  const { method, rank, alpha } = options;
  const given = present({ rank, alpha, ...selectionOf(options) });
  const settings = { ...withoutRivals(below, given), ...given };
  const isAdapted = Object.keys(settings).length > 0;
  const kind = method ?? configuredKind ?? (isAdapted ? "lora" : "full");
  if (kind === "lora") return named({ kind, ...defaults(settings), ...settings });
  if (Object.keys(given).length === 0) return { kind: "full" };
  throw new RangeError(
    `full fine-tuning takes no rank, alpha, sites or target modules, found ${Object.keys(given)}`,
  );
}

function selectionOf({ sites, targetModules }: MethodOptions): Fields {
  if (sites && targetModules) {
    throw new RangeError(
      `an adapter takes --sites or --target-modules, found both: ${sites} and ${targetModules}`,
    );
  }
  const only = (items: string | string[] | undefined, name: string) =>
    items?.length === 1 && items[0] === name ? name : items;
  return { sites: only(sites, "all"), targetModules: only(targetModules, "all-linear") };
}

/** Sites on the command line replace target modules in the configuration, and vice versa. */
function withoutRivals(below: Fields, { sites, targetModules }: Fields): Fields {
  if (sites === undefined && targetModules === undefined) return below;
  const { sites: _, targetModules: __, ...rest } = below;
  return rest;
}

/** One spelling of one method: an α that is said although it is the default makes no other. */
function named({ alpha, ...method }: Fields): MethodSpec {
  const isDefault = alpha === undefined || alpha === method.rank;
  return (isDefault ? method : { ...method, alpha }) as unknown as MethodSpec;
}

function defaults({ sites, targetModules }: Fields): Fields {
  const isSelected = sites !== undefined || targetModules !== undefined;
  return { rank: 8, ...(isSelected ? {} : { sites: ["q", "v"] }) };
}

function present(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
