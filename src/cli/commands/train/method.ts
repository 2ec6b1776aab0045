/** What is trained: command-line options, and the `method` of a configuration file. @module */

import {
  type BottleneckVariant,
  bottleneckVariants,
  nonLinearities,
} from "../../../adapt/bottleneck/bottleneck.ts";
import { isRecord, isText, nearestName } from "../../../core/checks.ts";
import { oneLine, quote } from "../../../core/errors.ts";
import { listNames } from "../../../core/module_names.ts";
import { howMany } from "../../../core/numbers.ts";
import { type MethodKind, methodKinds, type MethodSpec } from "../../../runs/mod.ts";
import type { Fields } from "../../cases.ts";
import {
  type Command,
  finiteNumber,
  list,
  listOrPattern,
  numberList,
  Option,
  optionName,
  positiveNumber,
} from "../../options.ts";

/** What a field must be, in words and as a predicate. */
export interface Rule {
  /** Completes the sentence "… must be". */
  readonly words: string;
  /** True if a value is allowed. */
  readonly holds: (value: unknown) => boolean;
  /** True for an alias, which error messages do not list. */
  readonly isAlias?: true;
}

const isList = (value: unknown): boolean => Array.isArray(value) && value.every(isText);

/** Any finite number. */
export const number: Rule = { words: "a number", holds: Number.isFinite };

/** A whole number, 0 or more. */
export const count: Rule = {
  words: "a whole number, 0 or more",
  holds: (value) => Number.isSafeInteger(value) && (value as number) >= 0,
};

/** A whole number of at least 1. */
export const positive: Rule = {
  words: "a whole number of at least 1",
  holds: (value) => count.holds(value) && value !== 0,
};

/** Two numbers. */
export const pair: Rule = {
  words: "a list of two numbers",
  holds: (value) => Array.isArray(value) && value.length === 2 && value.every(Number.isFinite),
};

/** True or false. */
export const flag: Rule = {
  words: "true or false",
  holds: (value) => typeof value === "boolean",
};

/** A string (a pattern) or a list of strings. */
const names: Rule = {
  words: 'a list such as ["c_attn"], a pattern or "all-linear"',
  holds: (value) => isText(value) || isList(value),
};

/** Sites: a list, or all of them. */
const siteNames: Rule = {
  words: 'a list such as ["o", "down"] or "all"',
  holds: (value) => value === "all" || isList(value),
};

/** Modules. */
const moduleNames: Rule = { words: 'a list such as ["lm_head"]', holds: isList };

const areCounts = (value: unknown): boolean => Array.isArray(value) && value.every(count.holds);

/** Whole numbers. */
const counts: Rule = { words: "a list of whole numbers such as [0, 1]", holds: areCounts };

/** Tokens, of one embedding or by embeddings. */
const tokens: Rule = {
  words: 'token numbers such as [3, 7], or lists of them by embedding such as {"wte": [3, 7]}',
  holds: (value) => areCounts(value) || isRecord(value) && Object.values(value).every(areCounts),
};

/** Numbers by name. */
const numbersByName: Rule = {
  words: "an object of numbers",
  holds: (value) => isRecord(value) && Object.values(value).every(Number.isFinite),
};

/** One of several strings. */
export function oneOf(...choices: readonly string[]): Rule {
  return { words: choices.join(" or "), holds: (value) => choices.includes(value as string) };
}

/** Anything; it is checked elsewhere. */
export const anything: Rule = { words: "anything", holds: () => true };

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

/** What the command line knows of a method. */
interface MethodEntry {
  /** What a reader calls it, with its settings; an adapter that is trained further keeps its own, unsaid ones. */
  readonly title: (settings: Fields) => string;
  /** Its fields in a configuration. */
  readonly rules: Readonly<Record<string, Rule>>;
  /** Settings where none are given. */
  readonly defaults?: (settings: Fields) => Fields;
}

/** What the command line knows of a prefix method. */
const prefixEntry = (what: string): MethodEntry => ({
  title: ({ length }) =>
    `${what} of ${
      length === undefined ? "virtual tokens" : howMany(Number(length), "virtual token")
    }`,
  rules: { length: positive, modulesToSave: moduleNames },
  defaults: () => ({ length: 16 }),
});

/** Starts of LoRA that are computed from weights. */
const computedStarts: Readonly<Record<string, string>> = {
  pissa: "PiSSA",
  olora: "OLoRA",
  loftq: "LoftQ",
};

/** What the command line knows of LoRA. */
const lora: MethodEntry = {
  title: ({ rank, sites, targetModules, dora, rankStabilized, init }) => {
    const name = dora ? "DoRA" : rankStabilized ? "rsLoRA" : computedStarts[String(init)] ?? "LoRA";
    if (sites === undefined && targetModules === undefined) return name;
    return `${name} of rank ${rank} on ${[sites ?? targetModules].flat().join(", ")}`;
  },
  rules: {
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
    init: oneOf("kaiming", "gaussian", ...Object.keys(computedStarts)),
    modulesToSave: moduleNames,
    trainableTokens: tokens,
  },
  defaults: ({ sites, targetModules }) => {
    const isSelected = sites !== undefined || targetModules !== undefined;
    return { rank: 8, ...(isSelected ? {} : { sites: ["q", "v"] }) };
  },
};

/** What the command line knows of LoRA joined with a prefix. */
const joinedEntry = (prefix: MethodEntry): MethodEntry => ({
  title: (settings) => `${lora.title(settings)} and ${prefix.title(settings)}`,
  // The other starts of LoRA are computed from weights by injectors of their own.
  rules: { ...lora.rules, init: oneOf("kaiming", "gaussian"), ...prefix.rules },
  defaults: (settings) => ({ ...lora.defaults!(settings), ...prefix.defaults!(settings) }),
});

const embeddings = prefixEntry("embeddings"), states = prefixEntry("states");

/** What the command line knows of each method. */
const methodEntries: { readonly [Kind in MethodKind]: MethodEntry } = {
  full: { title: () => "full fine-tuning", rules: {} },
  lora,
  bitfit: { title: () => "BitFit", rules: { modulesToSave: moduleNames } },
  "top-layers": {
    title: ({ layers }) =>
      layers === 1 ? "the top layer" : `the top ${layers === undefined ? "" : `${layers} `}layers`,
    rules: { layers: positive, modulesToSave: moduleNames },
    defaults: () => ({ layers: 2 }),
  },
  vera: {
    title: ({ rank }) => rank === undefined ? "VeRA" : `VeRA of rank ${rank}`,
    rules: {
      rank: positive,
      sites: siteNames,
      targetModules: names,
      dropout: number,
      dInitial: number,
      modulesToSave: moduleNames,
    },
    defaults: () => ({ rank: 256 }),
  },
  bottleneck: {
    title: ({ variant, size }) =>
      size === undefined ? "bottlenecks" : `${variant} bottlenecks of width ${size}`,
    rules: {
      variant: oneOf(...bottleneckVariants),
      size: positive,
      leaveOut: counts,
      nonLinearity: oneOf(...nonLinearities),
      init: oneOf("zero", "bert"),
      modulesToSave: moduleNames,
    },
    defaults: () => ({ variant: "houlsby", size: 16 }),
  },
  "prefix-embedding": embeddings,
  "prefix-layer": states,
  "prefix-tuning": prefixEntry("keys and values"),
  "lora+prefix-embedding": joinedEntry(embeddings),
  "lora+prefix-layer": joinedEntry(states),
};

/** What a reader calls a method. */
export const methodTitle = ({ kind, ...settings }: MethodSpec): string =>
  methodEntries[kind].title(settings);

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
  return command.optionsGroup("Method:")
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
