/** What is trained: command-line options, and the `method` of a configuration file. @module */

import { type BottleneckVariant, bottleneckVariants } from "../adapt/bottleneck/form.ts";
import { listNames } from "../core/module_names.ts";
import { type MethodKind, methodKinds, type MethodSpec } from "../runs/mod.ts";
import {
  finiteNumber,
  list,
  listOrPattern,
  numberList,
  optionName,
  positiveNumber,
} from "./arguments.ts";
import type { Fields } from "./cases.ts";
import { type Command, Option } from "./commander.ts";
import { checkFields, oneOf } from "./fields.ts";
import { methodEntries } from "./method_entries.ts";

/** Options that {@link addMethodOptions} adds; undefined if not given. */
export interface MethodOptions {
  /** The method's name. */
  readonly method?: MethodKind;
  /** Rank of every update. */
  readonly rank?: number;
  /** α. */
  readonly alpha?: number;
  /** Sites by role or module. */
  readonly sites?: string[];
  /** PEFT's target modules. */
  readonly targetModules?: string | string[];
  /** Blocks at the top that are trained. */
  readonly layers?: number;
  /** Where bottlenecks are. */
  readonly variant?: BottleneckVariant;
  /** Width of bottlenecks. */
  readonly size?: number;
  /** Layers without a bottleneck. */
  readonly leaveOut?: readonly number[];
  /** Number of virtual tokens. */
  readonly prefixLength?: number;
}

/**
 * Adds `--method` and the options of the methods.
 *
 * @param usual What the method is where none is given.
 */
export function addMethodOptions(
  command: Command,
  usual = "lora if a lora option is given, else full",
): Command {
  return command
    .addOption(
      new Option("--method <name>", `what to train (default: ${usual})`).choices(methodKinds),
    )
    .option(
      "--rank <r>",
      "lora…, vera: rank of every update (default: 8; of vera 256)",
      positiveNumber,
    )
    .option(
      "--alpha <a>",
      "lora…: updates are multiplied by alpha / rank (default: the rank)",
      finiteNumber,
    )
    .option(
      "--sites <a,b>",
      "lora…, vera: any of q, k, v, o, up, down, or all (default of lora: q,v)",
      list,
    )
    .option(
      "--target-modules <a,b>",
      "lora…, vera: PEFT's target_modules: names, a pattern, or all-linear (default of vera: PEFT's)",
      listOrPattern,
    )
    .option("--layers <n>", "top-layers: blocks to train (default: 2)", positiveNumber)
    .addOption(
      new Option("--variant <name>", "bottleneck: form of the adapters (default: houlsby)")
        .choices(bottleneckVariants),
    )
    .option("--size <m>", "bottleneck: width between its projections (default: 16)", positiveNumber)
    .option(
      "--leave-out <0,1>",
      "bottleneck: layers that get none, from 0; drop needs the lowest",
      numberList,
    )
    .option(
      "--prefix-length <n>",
      "prefix-…, lora+…: number of virtual tokens (default: 16)",
      positiveNumber,
    );
}

const kindRule = { ...oneOf(...methodKinds), words: `one of ${methodKinds.join(", ")}` };
const naming = { name: kindRule, kind: { ...kindRule, isAlias: true as const } };

/** Checks the `method` of a configuration: a name, or an object with a `name` or `kind`. */
export function checkMethod(value: unknown): Fields {
  const given = typeof value === "string" ? { name: value } : value;
  const kind = kindIn(given), { rules } = methodEntries[kind ?? "lora"];
  const { name, ...fields } = checkFields("method", given, { ...naming, ...rules });
  return { ...fields, kind: fields.kind ?? name };
}

/** The kind that an object names, if it is one. */
function kindIn(value: unknown): MethodKind | undefined {
  const { kind, name = kind } = value as { kind?: unknown; name?: unknown } ?? {};
  return methodKinds.find((one) => one === name);
}

/**
 * The method given by the command line and, where that says nothing, by a configuration.
 *
 * @throws {RangeError} when an option is none of the method's.
 */
export function methodOf(options: MethodOptions, configured: Fields = {}): MethodSpec {
  const { kind: configuredKind, ...below } = configured;
  const { method, rank, alpha, layers, variant, size, leaveOut, prefixLength: length } = options;
  const chosen = { rank, alpha, layers, variant, size, leaveOut, length };
  const given = present({ ...chosen, ...selectionOf(options) });
  const isAdapted = Object.keys({ ...below, ...given }).length > 0;
  const kind = (method ?? configuredKind ?? (isAdapted ? "lora" : "full")) as MethodKind;
  assertOwn(kind, given);
  const settings = { ...own(kind, withoutRivals(below, given)), ...given };
  return named({ kind, ...methodEntries[kind].defaults?.(settings), ...settings });
}

/** A configuration's settings, where the command line names another method. */
const own = (kind: MethodKind, settings: Fields): Fields =>
  Object.fromEntries(
    Object.entries(settings).filter(([name]) => Object.hasOwn(methodEntries[kind].rules, name)),
  );

function assertOwn(kind: MethodKind, given: Fields): void {
  const takes = (method: MethodKind, name: string) =>
    Object.hasOwn(methodEntries[method].rules, name);
  const foreign = Object.keys(given).filter((name) => !takes(kind, name)), [first] = foreign;
  if (first === undefined) return;
  const takers = methodKinds.filter((other) => takes(other, first)).join(" or ");
  const what = kind === "full" ? "full fine-tuning" : `the method ${kind}`;
  throw new RangeError(
    `${what} takes no ${listNames(foreign.map(optionOf))}, found ${optionOf(first)} ` +
      `${given[first]}, which is of --method ${takers}`,
  );
}

/** The option that sets a field of a method. */
const optionOf = (field: string): string =>
  field === "length" ? "--prefix-length" : optionName(field);

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

function present(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
