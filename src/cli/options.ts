/** Parsers of option values; commander puts the option's name before their messages. @module */

import { InvalidArgumentError, Option } from "npm:commander@15.1.0";
import { isTemplate } from "../core/batch.ts";
import { shellWord } from "../core/errors.ts";
import { type FloatDtype, type FloatType, floatTypes } from "../core/float_types.ts";
import { type AdapterException, adapterExceptions } from "../formats/peft/read.ts";
import type { StorageOptions } from "../models/mod.ts";
import { type FourBitCode, fourBitCodes } from "../quant/quantized_tensor.ts";

/** The words before a command where it is typed, in the folder of a clone's `deno.json`; helps shorten them. */
export const call: string = callFrom(import.meta.url);

/** The words that run a package from where one of its modules is: JSR, another server, npm or a clone. */
export function callFrom(place: string): string {
  const { protocol, host, pathname } = new URL(place);
  if (protocol !== "file:") {
    const onJsr = host === "jsr.io" && /^\/(@[^/]+\/[^/]+)\//.exec(pathname)?.[1];
    return `deno run -A ${onJsr ? `jsr:${onJsr}/cli` : new URL("../../cli.ts", place)}`;
  }
  const installed = /\/node_modules\/(@[^/]+\/[^/]+)\//.exec(pathname)?.[1];
  return installed ? `npx ${installed}` : "npx -y deno task lowrank";
}

/** A path as one word of a shell, which our commands do not take for an option. */
export const pathWord = (path: string): string =>
  shellWord(path.startsWith("-") ? `./${path}` : path);

/** The command that measures an adapter that was made without training. */
export const evaluateNext = (base: string, adapter: string): string =>
  `next, with texts of yours:\n  ${call} evaluate --model ${pathWord(base)} --adapter ${
    pathWord(adapter)
  } --data FILE`;

export { Argument, CommanderError, InvalidArgumentError, Option } from "npm:commander@15.1.0";

/** A whole number, 0 or more. */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("It must be a whole number, 0 or more.");
  if (Number.isSafeInteger(value)) return value;
  throw new InvalidArgumentError("It must be a whole number below 2^53.");
}

/** A seed of random numbers. */
export function seedNumber(text: string): number {
  if (!/^\d+$/.test(text) || Number(text) < 2 ** 32) return wholeNumber(text);
  throw new InvalidArgumentError("It must be a whole number below 2^32.");
}

/** A port, 0 for any. */
export function portNumber(text: string): number {
  const value = wholeNumber(text);
  if (value < 2 ** 16) return value;
  throw new InvalidArgumentError("It must be a whole number below 65536.");
}

/** A whole number of at least 1. */
export function positiveNumber(text: string): number {
  if (!/^\d+$/.test(text) || wholeNumber(text) === 0) {
    throw new InvalidArgumentError("It must be a whole number of at least 1.");
  }
  return wholeNumber(text);
}

/** A whole number from 1 to `most`. */
export const numberUpTo = (most: number) => (text: string): number => {
  const value = positiveNumber(text);
  if (value <= most) return value;
  throw new InvalidArgumentError(`It must be a whole number from 1 to ${most}.`);
};

/** A finite number. */
export function finiteNumber(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && text.trim() !== "") return value;
  const isLarge = Math.abs(value) === Infinity && /\d/.test(text);
  const rule = isLarge ? "a number from -1.7977e308 to 1.7977e308" : "a number";
  throw new InvalidArgumentError(`It must be ${rule}.`);
}

/** A finite number, 0 or more. */
export function temperature(text: string): number {
  const value = finiteNumber(text);
  if (value < 0) throw new InvalidArgumentError("It must be 0 or more.");
  return value;
}

/** `a,b,c`. */
export function list(text: string): string[] {
  const items = text.split(",").map((item) => item.trim()).filter((item) => item !== "");
  if (items.length === 0) throw new InvalidArgumentError("It must have at least one item.");
  return items;
}

/** The option whose value has a name: `--beams`, of `maxNewTokens` `--max-new-tokens`. */
export const optionName = (name: string): string =>
  `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** `0,1,2`. */
export const numberList = (text: string): number[] => list(text).map(wholeNumber);

/** `a,b,c`, or a pattern for whole names, told by its operators. */
export function listOrPattern(text: string): string | string[] {
  return /[\\^$*+?()[\]{}|]/.test(text) ? text : list(text);
}

/** An option that may be given several times. */
export function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}

/** An option that may be given only once: otherwise the last one would silently win. */
export function once(value: string, before?: string): string {
  if (before === undefined) return value;
  throw new InvalidArgumentError(`It may be given only once here, found ${before} before it.`);
}

/** A model's folder or configuration file on this machine, or its name on the hub. */
export function modelPath(text: string): string {
  if (text === "") throw new InvalidArgumentError("It must not be empty.");
  if (/^https?:/.test(text)) {
    throw new InvalidArgumentError(
      "It must be a folder, or hf:OWNER/NAME on the Hugging Face hub.",
    );
  }
  return text;
}

/** The same of a model's folder, for commands that need the weights. */
export function modelFolder(text: string): string {
  if (!text.endsWith(".json")) return modelPath(text);
  throw new InvalidArgumentError(
    "It must be a folder, with the weights next to the configuration.",
  );
}

/** A fraction, above 0 and at most 1. */
export function share(text: string): number {
  const value = finiteNumber(text);
  if (value <= 0 || value > 1) throw new InvalidArgumentError("It must be above 0 and at most 1.");
  return value;
}

/** A share, 0 or more and below 1, or the path of a file. */
export function shareOrFile(text: string): number | string {
  const value = Number(text);
  if (text.trim() === "" || Number.isNaN(value)) return text;
  if (value >= 0 && value < 1) return value;
  throw new InvalidArgumentError("A share must be 0 or more and below 1.");
}

/** A text around `{prompt}`, in which `\\n` and `\\t` stand for a line break and a tab. */
export function template(text: string): string {
  const shown = text.replaceAll("\\n", "\n").replaceAll("\\t", "\t");
  if (isTemplate(shown)) return shown;
  throw new InvalidArgumentError("It must contain {prompt} once.");
}

/** Types of values in files, by the option's value. */
export const storedTypes = Object.fromEntries(
  Object.values(floatTypes).map(({ element, name }) => [element, name]),
) as Readonly<Record<FloatType["element"], FloatDtype>>;

/** Types of a base model's matrices on the device, by the option's value. */
export const baseTypes = {
  ...storedTypes,
  auto: "auto",
  ...Object.fromEntries(fourBitCodes.map((code) => [code, code])) as Record<
    FourBitCode,
    FourBitCode
  >,
} as const;

/** The type in which the base is to be stored on the device. */
export interface BaseDtypeOption {
  /** F32 unless it is said; what a file has in 4 bits stays so. */
  readonly baseDtype?: keyof typeof baseTypes;
}

/** The same as the library's option. */
export const baseTypeOf = ({ baseDtype }: BaseDtypeOption): StorageOptions["dtype"] =>
  baseDtype && baseTypes[baseDtype];

/** An option that takes one of these. */
export const baseDtypeOption = (): Option =>
  new Option(
    "--base-dtype <type>",
    "how the base's matrices are stored on the device; auto: as in its file; nf4 and fp4: those of " +
      "its blocks in 4 bits (default: f32, or 4 bits if the file has them)",
  ).choices(Object.keys(baseTypes));

/** The choice of what a step keeps of its forward pass. */
export interface CheckpointingOption {
  /** Only what blocks read; all that the backward pass needs if absent. */
  readonly activationCheckpointing?: boolean;
}

/** An option that trades time for memory. */
export const checkpointingOption = (): Option =>
  new Option(
    "--activation-checkpointing",
    "compute each block once more for the backward pass: less memory, more time, the same result",
  );

/** The type in which the values of a file are to be stored. */
export interface DtypeOption {
  /** The default is that of `dtypeOption`. */
  readonly dtype?: keyof typeof storedTypes;
}

/** The same as the library's option. */
export const dtypeOf = ({ dtype }: DtypeOption) => dtype && storedTypes[dtype];

/** An option that takes such a type. */
export const dtypeOption = (otherwise: string): Option =>
  new Option("--dtype <type>", `how values are stored in the file (default: ${otherwise})`)
    .choices(Object.keys(storedTypes));

/** Faults that stop the reading of an adapter, and may pass. */
export interface AllowOption {
  /** The names that were given; may be none. */
  readonly allow?: AdapterException[];
}

/** An option that takes such a name, and may be repeated. */
export const allowOption = (): Option =>
  new Option(
    "--allow <name>",
    `let pass, in an adapter, what stops by default: ${adapterExceptions.join(", ")}; repeatable`,
  ).argParser(exception);

function exception(name: string, before: AdapterException[] = []): AdapterException[] {
  const known = adapterExceptions.find((each) => each === name);
  if (known) return [...before, known];
  throw new InvalidArgumentError(`It must be one of ${adapterExceptions.join(", ")}.`);
}
