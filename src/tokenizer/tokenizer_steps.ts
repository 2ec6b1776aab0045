/** The steps of a tokenizer before and after its model: normalizers, pre-tokenizers, decoders. @module */

import { isRecord } from "../core/json.ts";
import { mostTokenizerGrowth, mostTokenizerSteps } from "../core/limits.ts";
import { isSplitPattern } from "./split_patterns.ts";
import { type JsonObject, refuse } from "./tokenizer_fields.ts";

/** Checks the fields of a step; gives by how much it can make a text longer. */
type StepCheck = (step: JsonObject) => number;

/** Steps by their types; a sequence names the field of its steps. */
export type StepKinds = ReadonlyMap<string, StepCheck | string>;

const free: StepCheck = () => 1;

/** Steps with texts that need not be there. */
const texts = (...fields: readonly string[]): StepCheck => (step) => {
  for (const field of fields) textIn(step, field);
  return 1;
};

/** Bytes of a character become up to four characters. */
const byteLevel: StepCheck = () => 4;

const metaspace: StepCheck = (step) =>
  Math.max(1, textIn(step, "replacement").length, textIn(step, "str_rep").length);

const replace: StepCheck = (step) => {
  checkPattern(step);
  const content = textIn(step, "content");
  // The library would put parts of the text in its place.
  if (content.includes("$")) refuse("replace by texts without a $", content);
  return Math.max(1, content.length);
};

/** What becomes of the text that matches. */
const behaviors = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"];

const split: StepCheck = (step) => {
  checkPattern(step);
  const { behavior } = step;
  if (!behaviors.includes(behavior as string)) {
    refuse(`split by a behavior of ${behaviors.join(", ")}`, behavior);
  }
  return 1;
};

const fixedLength: StepCheck = ({ length }) => {
  const isLength = Number.isInteger(length) && Number(length) >= 1;
  return isLength ? 1 : refuse("have a whole length of at least 1 for FixedLength", length);
};

const strip: StepCheck = (step) => {
  for (const field of ["start", "stop"]) {
    const count = step[field] ?? 0;
    if (!Number.isInteger(count)) refuse(`strip a whole number of characters`, count);
  }
  return texts("content")(step);
};

/** Steps that change a text before it is cut. */
export const normalizerKinds: StepKinds = new Map<string, StepCheck | string>([
  ...[
    "BertNormalizer",
    "Precompiled",
    "NFC",
    "NFD",
    "NFKC",
    "NFKD",
    "Strip",
    "StripAccents",
    "Lowercase",
  ]
    .map((type) => [type, free] as const),
  ["Prepend", texts("prepend")],
  ["Replace", replace],
  ["Sequence", "normalizers"],
]);

/** Steps that cut a text into words. */
export const preTokenizerKinds: StepKinds = new Map<string, StepCheck | string>([
  ...["BertPreTokenizer", "Whitespace", "WhitespaceSplit", "Punctuation", "Digits"]
    .map((type) => [type, free] as const),
  ["ByteLevel", byteLevel],
  ["Metaspace", metaspace],
  ["Split", split],
  ["Replace", replace],
  ["FixedLength", fixedLength],
  ["Sequence", "pretokenizers"],
]);

/** Steps that join tokens to a text. */
export const decoderKinds: StepKinds = new Map<string, StepCheck | string>([
  ...["ByteLevel", "Fuse", "ByteFallback"].map((type) => [type, free] as const),
  ["WordPiece", texts("prefix")],
  ["Metaspace", metaspace],
  ["BPEDecoder", texts("suffix")],
  ["CTC", texts("pad_token", "word_delimiter_token")],
  ["Replace", replace],
  ["Strip", strip],
  ["Sequence", "decoders"],
]);

/**
 * Checks the step of a field and all steps in it.
 *
 * @throws {SyntaxError} when there are too many, one is of another type, or its fields are refused.
 */
export function checkSteps(step: unknown, name: string, kinds: StepKinds): void {
  if (step === null) return;
  const steps = stepsIn(step, name, kinds);
  let growth = 1;
  for (const [check, fields] of steps) growth *= check(fields);
  if (growth > mostTokenizerGrowth) {
    refuse(`have a ${name} that makes texts at most ${mostTokenizerGrowth} times as long`, growth);
  }
}

/** All steps with their checks, those of sequences one after the other. */
function stepsIn(first: unknown, name: string, kinds: StepKinds): [StepCheck, JsonObject][] {
  const steps: [StepCheck, JsonObject][] = [], waiting = [first];
  while (waiting.length > 0) {
    const step = waiting.pop(), check = isRecord(step) ? kinds.get(step.type as string) : undefined;
    if (!isRecord(step) || check === undefined) {
      refuse(`have a ${name} of a known type`, isRecord(step) ? step.type : step);
    }
    const inner = typeof check === "string" ? step[check] ?? [] : [];
    if (!Array.isArray(inner)) refuse(`have a list of steps in a ${name}`, inner);
    waiting.push(...inner);
    steps.push([typeof check === "string" ? free : check, step]);
    if (steps.length + waiting.length > mostTokenizerSteps) {
      refuse(
        `have a ${name} of at most ${mostTokenizerSteps} steps`,
        steps.length + waiting.length,
      );
    }
  }
  return steps;
}

function textIn(step: JsonObject, field: string): string {
  const text = step[field] ?? "";
  if (typeof text === "string" && text.length <= 100) return text;
  return refuse(`have a text of at most 100 characters as ${field}`, text);
}

function checkPattern({ pattern }: JsonObject): void {
  const { String: text, Regex: expression } = isRecord(pattern) ? pattern : {};
  if (expression === undefined && typeof text === "string" && text !== "") return;
  if (typeof expression !== "string" || !isSplitPattern(expression)) {
    refuse("split and replace with a text, a published pattern or a simple one", pattern);
  }
}
