/** The file of a sweep: options of `train`, of which some have several values. @module */

import { readJson } from "../core/files.ts";
import { isRecord, isText, parseUniqueJson } from "../core/json.ts";
import { mostSweepRuns } from "../core/limits.ts";
import { quote } from "../core/quote.ts";
import type { Fields } from "./cases.ts";
import { addCommonOptions } from "./common.ts";
import { Command, type CommanderError } from "./commander.ts";
import { checkFields, type Rule } from "./fields.ts";
import { addTrainOptions } from "./train.ts";
import type { TrainOptions } from "./train_options.ts";

/** The value of an option as in the file. */
export type OptionValue = string | number;

/** One value of every option. */
export type Choice = Readonly<Record<string, OptionValue>>;

/** What the file says. */
export interface SweepGrid {
  /** The file's content. */
  readonly content: Fields;
  /** Every combination, in the order of the file: the values of its last list change fastest. */
  readonly choices: readonly Choice[];
  /** The options that set trainings apart, learning rate and seed excepted. */
  readonly varied: readonly string[];
}

/** Options of `train` that are the sweep's own, begin with something other than a base and texts, or have no value. */
const notSwept = [
  ...["output", "batches", "adapter", "allow", "device", "json", "quiet"],
  "activation-checkpointing",
];

/** What tells trainings apart that are one setting at other rates and seeds. */
export const repeatedOptions: readonly string[] = ["learning-rate", "seed"];

const isValue = (value: unknown): boolean => isText(value) || Number.isFinite(value);

const isList = (value: unknown, isItem: (item: unknown) => boolean): value is unknown[] =>
  Array.isArray(value) && value.length > 0 && value.every(isItem);

const isDistinct = (list: readonly unknown[]): boolean => new Set(list).size === list.length;

const oneOrMore: Rule = {
  words: "a text, a number, or a list of at least one of these, each once",
  holds: (value) => isValue(value) || isList(value, isValue) && isDistinct(value),
};

const methodList: Rule = {
  words: 'a list of at least one object such as {"method": "lora", "rank": [1, 8]}',
  holds: (value) => isList(value, isRecord),
};

/**
 * Reads `{"model", "data", "methods": [{"method", "rank": [1, 8]}], "learning-rate": [0.001, 0.01], ...}`: any
 * options of `train`, with a value or a list of values.
 *
 * @throws {SyntaxError} when a field is unknown, a list is empty, or a value is neither a text nor a number.
 * @throws {RangeError} when there are more than 10,000 combinations.
 */
export async function readGrid(path: string): Promise<SweepGrid> {
  const rules = Object.fromEntries(optionNames().map((name) => [name, oneOrMore]));
  const content = checkFields(path, await readJson(path, parseUniqueJson), {
    ...rules,
    methods: methodList,
  });
  const { methods = [{}], ...shared } = content;
  const parts = (methods as unknown[]).map((method, i) => {
    const own = checkFields(`${path}, methods[${i}]`, method, rules);
    return { ...own, ...shared, ...own }; // Rates and seeds change fastest; a method may have its own.
  });
  const runs = parts.reduce((sum, part) => sum + combinations(part), 0);
  if (runs > mostSweepRuns) {
    throw new RangeError(
      `a sweep may have at most ${mostSweepRuns} trainings, ${path} has ${runs}`,
    );
  }
  const own = (methods as Fields[]).flatMap((method) => Object.keys(method));
  const lists = Object.keys(shared).filter((name) => valuesOf(shared[name]).length > 1);
  const varied = [...new Set([...own, ...lists])].filter((name) => !repeatedOptions.includes(name));
  return { content, choices: parts.flatMap(crossed), varied };
}

/**
 * The options of the training of a choice, as the command line would give them.
 *
 * @throws {RangeError} when an option is missing or its value is not allowed.
 */
export function optionsOf(choice: Choice, output: string): TrainOptions {
  const command = trainCommand(), given = Object.entries({ ...choice, output });
  try {
    command.parse(given.map(([name, value]) => `--${name}=${value}`), { from: "user" });
  } catch (error) {
    const { message } = error as CommanderError;
    throw new RangeError(
      message.replace(/^error: /, "").replace(/\.$/, "")
        .replace(/ argument '(.*)' is/s, (_, value) => ` argument ${quote(value)} is`),
    );
  }
  return command.opts<TrainOptions>();
}

function trainCommand(): Command {
  const command = new Command("train").exitOverride().configureOutput({ outputError: () => {} });
  addCommonOptions(addTrainOptions(command));
  return command;
}

const optionNames = (): string[] =>
  trainCommand().options.map(({ long }) => long!.slice(2)).filter((name) =>
    !notSwept.includes(name)
  );

const valuesOf = (value: unknown): readonly OptionValue[] => [value].flat() as OptionValue[];

const combinations = (fields: Fields): number =>
  Object.values(fields).reduce<number>((product, value) => product * valuesOf(value).length, 1);

/** Every combination of the values of fields. */
const crossed = (fields: Fields): Choice[] =>
  Object.entries(fields).reduce<Choice[]>(
    (choices, [name, value]) =>
      choices.flatMap((choice) => valuesOf(value).map((one) => ({ ...choice, [name]: one }))),
    [{}],
  );
