/** PEFT adapters: configurations, whole folders, and the sites in their metadata. @module */

import fc from "npm:fast-check@4.10.2";
import { AdapterFileError } from "../../../src/core/errors.ts";
import { readJson } from "../../../src/storage/files.ts";
import { countRows } from "../../../src/core/update.ts";
import { adapterExceptions } from "../../../src/formats/peft/read.ts";
import {
  type LowRankUpdate,
  parsePeftConfig,
  readAdapter,
  type ReadAdapterOptions,
} from "../../../src/formats/mod.ts";
import { patternValues } from "../../../src/patterns/names.ts";
import { moduleSelector } from "../../../src/formats/peft/config.ts";
import { areFinite, type Files, inMemory, type Kind, sound } from "../kind.ts";
import { jsonFiles, texts } from "../mutations.ts";
import { type GoodTensor, safetensors, safetensorsFiles, withMetadata } from "../tensors.ts";

const configName = "adapter_config.json", weightsName = "adapter_model.safetensors";
const modules = ["transformer.h.0.attn.c_attn", "transformer.h.1.attn.c_attn"];

/** A good configuration with most of the fields that are read. */
const goodConfig = {
  peft_type: "LORA",
  r: 2,
  lora_alpha: 4,
  target_modules: ["c_attn"],
  rank_pattern: { "h.1.attn.c_attn": 2 },
  alpha_pattern: { "h.1.attn.c_attn": 8 },
  layers_to_transform: [0, 1],
  layers_pattern: "h",
  use_rslora: false,
  lora_dropout: 0.1,
  bias: "none",
};

const patterns = [".*attn.*", "(a|aa)*", "c_attn", "h\\.\\d+", "[", "(?:x", "all-linear", "\\Z"];

const configs = jsonFiles(fc.constant(goodConfig), {
  values: [...patterns, ["c_attn"], { "c_attn": 3 }, { "(a+)+$": 3 }, "LORA", "gaussian", 16],
  keys: [...Object.keys(goodConfig), "use_dora", "modules_to_save", "exclude_modules", "(a*)*"],
});

/** Configurations, with what they select of a few modules. */
export const adapterConfigs: Kind = {
  name: "adapter configurations",
  inputs: configs.map((bytes): Files => ({ [configName]: bytes })),
  refusals: [AdapterFileError, SyntaxError],
  read: async (files) => {
    const config = parsePeftConfig(await readJson(inMemory(files)[0]));
    const { rank, alpha, rankPattern, alphaPattern, dropout } = config;
    const ranks = [rank, ...Object.values(rankPattern)];
    sound(ranks.every((value) => Number.isSafeInteger(value) && value > 0), `ranks ${ranks}`);
    const numbers = [alpha, dropout, ...Object.values(alphaPattern)];
    sound(areFinite(numbers), `numbers ${numbers}`);
    const isSelected = moduleSelector(config);
    const values = [rankPattern, alphaPattern].map((pattern) =>
      patternValues(pattern, "a pattern")
    );
    for (const module of modules) {
      sound(typeof isSelected(module) === "boolean", "no answer");
      for (const [i, valueOf] of values.entries()) {
        const value = valueOf(module);
        const known = value === undefined ||
          Object.values([rankPattern, alphaPattern][i]).includes(value);
        sound(known, `the value ${value} for ${module}`);
      }
    }
  },
  command: (folder) => ["inspect", folder],
};

/** A and B of each module, of rank 2 from 3 to 6. */
function goodTensors(names: readonly string[] = modules): GoodTensor[] {
  return names.flatMap((module) => [
    { name: `base_model.model.${module}.lora_A.weight`, shape: [2, 3], values: [1, 2, 3, 4, 5, 6] },
    {
      name: `base_model.model.${module}.lora_B.weight`,
      shape: [6, 2],
      values: [1, 0, 2, 0, 0, 0, 0, 0, 0, 3, 0, 4],
    },
  ]);
}

const goodWeights = safetensors(goodTensors(), { format: "pt" });
const bytesOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const folder = (config: Uint8Array<ArrayBuffer>, weights: Uint8Array<ArrayBuffer>): Files => ({
  [configName]: config,
  [weightsName]: weights,
});

/** A good folder. */
export const goodAdapter: Files = folder(bytesOf(goodConfig), goodWeights);

/** Whole folders: the configuration, the weights or one of the files corrupted or missing. */
export const adapterFolders: Kind = {
  name: "adapter folders",
  inputs: fc.oneof(
    { weight: 4, arbitrary: configs.map((config) => folder(config, goodWeights)) },
    {
      weight: 8,
      arbitrary: safetensorsFiles(fc.constant(goodWeights))
        .map((weights) => folder(bytesOf(goodConfig), weights)),
    },
    { weight: 1, arbitrary: configs.map((config): Files => ({ [configName]: config })) },
  ),
  refusals: [AdapterFileError],
  read: (files) => checkAdapter(files),
  command: (folder) => ["inspect", folder],
};

/** All that may pass but values that are not finite. */
const allow = adapterExceptions.filter((name) => name !== "nonFinite");

/** The same for a reader that lets pass what it may. */
export const lenientFolders: Kind = {
  ...adapterFolders,
  name: "adapter folders that are let pass",
  read: (files) => checkAdapter(files, { updatesOnly: true, allow }),
  command: (folder) => ["inspect", folder, ...allow.flatMap((name) => ["--allow", name])],
};

async function checkAdapter(files: Files, options: ReadAdapterOptions = {}): Promise<void> {
  const { updates } = await readAdapter(inMemory(files), options);
  sound(updates.length > 0, "a folder without updates");
  for (const update of updates) checkUpdate(update);
}

/** Throws unless an update fits itself and is finite. */
export function checkUpdate({ module, A, B, scaling, rows }: LowRankUpdate): void {
  const [rank, inputs] = A.shape, [outputs, columns] = B.shape;
  const shapes = `A of shape ${A.shape} and B of shape ${B.shape} of "${module}"`;
  sound(A.data.length === rank * inputs && B.data.length === outputs * columns, shapes);
  sound(rank === columns && (rows === undefined || countRows(rows) === outputs), shapes);
  sound(areFinite(A.data) && areFinite(B.data), `values of "${module}" that are not finite`);
  sound(Number.isFinite(Math.fround(scaling)), `the scaling ${scaling} of "${module}"`);
}

const goodSites = {
  [modules[0]]: [{ rows: [0, 2], rank: 1, role: "q" }, { rows: [4, 2], rank: 1, role: "v" }],
};

/** Adapter folders with the sites of a module in their metadata. */
export const sites: Kind = {
  name: "sites of adapters",
  inputs: jsonFiles(fc.constant(goodSites), {
    values: [[0, 1], [4, 2], [0, 2 ** 53 - 1], [2 ** 32, 2], "q", "up", modules[1], []],
    keys: ["rows", "rank", "role", modules[1], "h.9"],
  }).map((bytes) => {
    const metadata = { format: "pt", "lowrank.sites": new TextDecoder().decode(bytes) };
    return folder(bytesOf(goodConfig), withMetadata(goodWeights, metadata));
  }),
  refusals: [AdapterFileError],
  read: (files) => checkAdapter(files),
  command: (folder) => ["inspect", folder],
};

const piece = texts([
  ...["a", "b", "c_attn", "h", "0", "\\.", ".", ".*", "\\d+", "\\w*", "[ab]", "[^.]*", "|", "a|aa"],
  ...[
    "(",
    ")",
    "(?:",
    "*",
    "+",
    "?",
    "{2}",
    "{1,3}",
    "{,1}",
    "{2,}",
    "^",
    "$",
    "\\Z",
    "\\b",
    "\\B",
    "*?",
  ],
  ...["(?=a)", "(?!b)", "(?P<n>a)", "\\x61", "\\N{DIGIT ONE}", "(?i)", "[", "]", "-", "\\", "\\1"],
]);

/** Alternatives that match at one place, of which each repetition doubles the ways to match. */
const twins = fc.tuple(
  fc.constantFrom("a", "aa", "a.", "[ab]a", "\\x61a", "(?:a)a", "a?"),
  fc.constantFrom("a", "aa", ".a", "\\wa", "a{2}", ""),
).map((parts) => parts.join("|"));

const long = fc.tuple(fc.constantFrom("a", "ab", "a.", "0."), fc.nat(200))
  .map(([text, times]) => text.repeat(times).slice(0, 200) + "!");

/** Patterns of modules, and a name to match, in a file of its own. */
export const patternsOfModules: Kind = {
  name: "patterns",
  inputs: fc.record({
    pattern: fc.oneof(
      piece,
      piece.map((part) => `(${part})*`),
      piece.map((part) => `.*${part}`),
      twins.map((part) => `(${part})`.repeat(60) + "b"),
    ),
    module: fc.oneof(texts(["a", "b", "aa", ".", "h", "0", "1", "c_attn"], 6), long),
  }).map(({ pattern, module }): Files => ({
    [configName]: bytesOf({
      ...goodConfig,
      target_modules: pattern,
      rank_pattern: { [pattern]: 2 },
    }),
    module: new TextEncoder().encode(module),
  })),
  refusals: [SyntaxError],
  read: checkPattern,
  folder: (files) => {
    const name = new TextDecoder().decode(files.module) || "a";
    return folder(files[configName], safetensors(goodTensors([name])));
  },
  command: (folder) => ["inspect", folder],
};

function checkPattern(files: Files): void {
  const { target_modules: pattern } = JSON.parse(new TextDecoder().decode(files[configName]));
  const name = new TextDecoder().decode(files.module);
  const isWhole = moduleSelector({ targetModules: pattern })(name);
  const atEnd = patternValues({ [pattern]: 2 }, "rank_pattern")(name);
  sound(atEnd === undefined || atEnd === 2, `the value ${atEnd}`);
  if (pattern === "all-linear") return;
  if (isWhole) sound(atEnd === 2, `"${pattern}" for the whole of "${name}" but not for its end`);
  // The engine's own matching, where neither is long enough for its exponential time.
  if (pattern.length > 80 || name.length > 10) return;
  if (pythonOnly.test(pattern) || !/^[\w.]*$/.test(name)) return;
  sound(isRegExp(pattern), `"${pattern}", which is no regular expression`);
  const isExpected = new RegExp(`^(?:${pattern})$`, "s").test(name);
  sound(isWhole === isExpected, `"${pattern}" with the answer ${isWhole} for "${name}"`);
}

/** Syntax that Python reads differently from JavaScript, or that only Python has. */
const pythonOnly = /\\[aBZ]|\(\?P|\{,|\[\^?\]/;

function isRegExp(pattern: string): boolean {
  try {
    return new RegExp(pattern) !== undefined;
  } catch {
    return false;
  }
}
