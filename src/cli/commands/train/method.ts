/** The method to train: command-line options, and the `method` of a configuration file. @module */

import { isRecord, nearestName } from "../../../core/checks.ts";
import { oneLine, quote } from "../../../core/errors.ts";
import { listNames } from "../../../core/module_names.ts";
import { isMethodKind, type MethodKind, methodKinds, methods } from "../../../methods/mod.ts";
import { type Flag, type MethodOption, oneOf, type Rule } from "../../../methods/option.ts";
import type { MethodSpec } from "../../../runs/mod.ts";
import type { Fields } from "../../cases.ts";
import { group, option } from "../../command.ts";
import {
  finiteNumber,
  list,
  listOrPattern,
  numberList,
  Option,
  optionName,
  positiveNumber,
} from "../../options.ts";

/**
 * Checks every field and drops those that are null.
 *
 * @param what Names the object in errors.
 * @throws {SyntaxError} when it is not an object, or a field is unknown or breaks its rule.
 */
export function checkFields(
  what: string,
  value: unknown,
  rules: Readonly<Record<string, Rule>>,
): Fields {
  if (!isRecord(value)) throw new SyntaxError(`${what} must be an object`);
  const fields = Object.entries(value).filter(([, item]) => item !== null);
  for (const [key, item] of fields) {
    if (!Object.hasOwn(rules, key)) {
      throw new SyntaxError(`${what} may have ${unknown(key, rules)}`);
    }
    if (!rules[key].holds(item)) {
      const found = quote(item);
      throw new SyntaxError(`${what}: ${key} must be ${rules[key].words}, found ${found}`);
    }
  }
  return Object.fromEntries(fields);
}

function unknown(key: string, rules: Readonly<Record<string, Rule>>): string {
  const known = Object.keys(rules).filter((name) => !rules[name].isAlias);
  const meant = nearestName(key, known);
  return `${known.join(", ")}; found ${oneLine(key)}${meant ? ` (did you mean ${meant}?)` : ""}`;
}

/** A reader's name for a method. */
export const methodTitle = ({ kind, ...settings }: MethodSpec): string =>
  methods[kind].title(settings);

/** Options that {@link methodOptions} has, as far as they are read by name; undefined if not given. */
export interface MethodOptions {
  /** The method's name. */
  readonly method?: MethodKind;
  /** Sites by role or module. */
  readonly sites?: string[];
  /** PEFT's target modules. */
  readonly targetModules?: string | string[];
}

/**
 * `--method` and the options of the methods.
 *
 * @param usual Says what the method is where none is given.
 */
export function methodOptions(usual = "lora if a lora option is given, else full"): Option[] {
  const ofOne = (name: string) => takersOf(name).length === 1;
  const flags = (fits: (name: string) => boolean) =>
    Array.from(flagged).filter(([name]) => fits(name)).map(([name, option]) =>
      flagOf(name, option)
    );
  return [
    ...group("Method:", [
      option("--method <name>", `what to train (default: ${usual})`).choices(methodKinds),
      ...flags((name) => !ofOne(name)),
    ]),
    ...group("Options of one method:", flags(ofOne)),
  ];
}

/** A method's option that has a flag. */
type FlaggedOption = MethodOption & Flag;

/** The options of methods that have a flag, by their names. */
const flagged = new Map(
  methodKinds.flatMap((kind) => Object.entries<MethodOption>(methods[kind].options))
    .filter((entry): entry is [string, FlaggedOption] => entry[1].flag !== undefined),
);

/** Parsers of a flag's text. */
const parsers: Readonly<Record<NonNullable<Flag["reads"]>, (text: string) => unknown>> = {
  "whole number": positiveNumber,
  "number": finiteNumber,
  "names": list,
  "names or pattern": listOrPattern,
  "whole numbers": numberList,
};

function flagOf(name: string, { flag, help, reads, choices }: FlaggedOption): Option {
  const made = option(flag, `${familiesOf(takersOf(name))}: ${help}`);
  if (reads) return made.argParser(parsers[reads]);
  return choices ? made.choices(choices) : made;
}

/** Beginnings of names that stand for all methods with them, in help. */
const families = ["lora", "lora+", "prefix-"];

/** Methods in few words: `lora…, vera`. */
function familiesOf(kinds: readonly MethodKind[]): string {
  const nameOf = (kind: MethodKind) => {
    const family = families.find((start) =>
      kind.startsWith(start) &&
      methodKinds.every((one) => !one.startsWith(start) || kinds.includes(one))
    );
    return family === undefined ? kind : `${family}…`;
  };
  return [...new Set(kinds.map(nameOf))].join(", ");
}

const takes = (kind: MethodKind, name: string): boolean =>
  Object.hasOwn(methods[kind].options, name);

/** The methods that have an option. */
const takersOf = (name: string): MethodKind[] => methodKinds.filter((kind) => takes(kind, name));

/** The name of a flag's value among parsed options: `prefixLength` of `--prefix-length <n>`. */
const attributeOf = ({ flag, help }: Flag): string => new Option(flag, help).attributeName();

const kindRule = { ...oneOf(...methodKinds), words: `one of ${methodKinds.join(", ")}` };
const naming = { name: kindRule, kind: { ...kindRule, isAlias: true as const } };

/** Checks the `method` of a configuration: a name, or an object with a `name` or `kind`. */
export function checkMethod(value: unknown): Fields {
  const given = typeof value === "string" ? { name: value } : value;
  const kind = kindIn(given), { options: rules } = methods[kind ?? "lora"];
  const { name, ...fields } = checkFields("method", given, { ...naming, ...rules });
  return { ...fields, kind: fields.kind ?? name };
}

/** The kind that an object names, if it is one. */
function kindIn(value: unknown): MethodKind | undefined {
  const { kind, name = kind } = value as { kind?: unknown; name?: unknown } ?? {};
  return isMethodKind(name) ? name : undefined;
}

/**
 * The method given by the command line and, where that says nothing, by a configuration.
 *
 * @throws {RangeError} when an option is none of the method's.
 */
export function methodOf(options: MethodOptions, configured: Fields = {}): MethodSpec {
  const { kind: configuredKind, ...below } = configured;
  const given = present({ ...givenIn(options), ...selectionOf(options) });
  const isAdapted = Object.keys({ ...below, ...given }).length > 0;
  const kind = (options.method ?? configuredKind ?? (isAdapted ? "lora" : "full")) as MethodKind;
  assertOwn(kind, given);
  const settings = { ...own(kind, withoutRivals(below, given)), ...given };
  const { defaults } = methods[kind];
  return named({ kind, ...defaults?.(settings), ...settings });
}

/** Values of flags by the names of the methods' options. */
const givenIn = (options: MethodOptions): Fields =>
  Object.fromEntries(
    Array.from(flagged, ([name, flag]) => [name, (options as Fields)[attributeOf(flag)]]),
  );

/** A configuration's settings, where the command line names another method. */
const own = (kind: MethodKind, settings: Fields): Fields =>
  Object.fromEntries(Object.entries(settings).filter(([name]) => takes(kind, name)));

function assertOwn(kind: MethodKind, given: Fields): void {
  const foreign = Object.keys(given).filter((name) => !takes(kind, name)), [first] = foreign;
  if (first === undefined) return;
  const what = kind === "full" ? "full fine-tuning" : `the method ${kind}`;
  throw new RangeError(
    `${what} takes no ${listNames(foreign.map(longOf))}, found ${longOf(first)} ` +
      `${given[first]}, which is of --method ${takersOf(first).join(" or ")}`,
  );
}

/** The flag that sets a field of a method. */
const longOf = (field: string): string => optionName(attributeOf(flagged.get(field)!));

/** The flags of methods' options by the names of their values, which an existing adapter has already. */
export const methodFlags = Array.from(flagged.values(), attributeOf);

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
