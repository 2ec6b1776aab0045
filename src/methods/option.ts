/** Options of methods: rules for their values, and the flags that set them on the command line. @module */

import { isRecord, isText } from "../core/checks.ts";

/** A rule for a value, in words and as a predicate. */
export interface Rule {
  /** Completes the sentence "… must be". */
  readonly words: string;
  /** True if a value is allowed. */
  readonly holds: (value: unknown) => boolean;
  /** True for an alias, which error messages do not list. */
  readonly isAlias?: true;
  /** All values, where they are few. */
  readonly choices?: readonly string[];
}

/** The flag that sets an option on the command line. */
export interface Flag {
  /** The flag with its placeholder: `--rank <r>`. */
  readonly flag: string;
  /** Line of the help, without the methods that take it. */
  readonly help: string;
  /** Form of its text; if absent one of the rule's choices, or no text where there are none. */
  readonly reads?: "whole number" | "number" | "names" | "names or pattern" | "whole numbers";
}

/** An option of a method. Without a flag only a specification or a configuration file sets it. */
export interface MethodOption extends Rule, Partial<Flag> {}

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

/** One of several strings. */
export function oneOf(...choices: readonly string[]): Rule {
  const words = choices.join(" or ");
  return { words, choices, holds: (value) => choices.includes(value as string) };
}

/** Anything; it is checked elsewhere. */
export const anything: Rule = { words: "anything", holds: () => true };

const areCounts = (value: unknown): boolean => Array.isArray(value) && value.every(count.holds);

/** Whole numbers. */
export const counts: Rule = { words: "a list of whole numbers such as [0, 1]", holds: areCounts };

/** Tokens of one embedding, or by embeddings. */
export const tokens: Rule = {
  words: 'token numbers such as [3, 7], or lists of them by embedding such as {"wte": [3, 7]}',
  holds: (value) => areCounts(value) || isRecord(value) && Object.values(value).every(areCounts),
};

/** Numbers by name. */
export const numbersByName: Rule = {
  words: "an object of numbers",
  holds: (value) => isRecord(value) && Object.values(value).every(Number.isFinite),
};

/** Rank of low-rank updates. */
export const rank: MethodOption = {
  ...positive,
  ...{ flag: "--rank <r>", reads: "whole number" },
  help: "rank of every update (default: 8; of vera 256, of tinylora 2)",
};

/** Sites by role or path, or all of them. */
export const sites: MethodOption = {
  words: 'a list such as ["o", "down"] or "all"',
  holds: (value) => value === "all" || isList(value),
  ...{ flag: "--sites <a,b>", reads: "names" },
  help: "any of q, k, v, o, up, down, or all (default of lora: q,v)",
};

/** PEFT's target modules. */
export const targetModules: MethodOption = {
  words: 'a list such as ["c_attn"], a pattern or "all-linear"',
  holds: (value) => isText(value) || isList(value),
  ...{ flag: "--target-modules <a,b>", reads: "names or pattern" },
  help:
    "PEFT's target_modules: names, a pattern, or all-linear (default of vera, ia3, tinylora: PEFT's; of subspace: all-linear)",
};

/** Names of modules. */
export const names: Rule = { words: 'a list such as ["lm_head"]', holds: isList };

/** Modules that are trained in full. */
export const modulesToSave: MethodOption = names;
