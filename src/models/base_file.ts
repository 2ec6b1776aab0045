/** The weights in a base model's files that updates change, found without a forward pass. @module */

import { architectureOf } from "../architectures/registry.ts";
import type { ConfigJson } from "../architectures/config_fields.ts";
import type { Architecture, TensorSpec } from "../architectures/architecture.ts";
import { siteName, type UpdateShape } from "../core/update.ts";
import { isNamed, moduleOf, NameEndings } from "../core/module_names.ts";
import { oneLine, quote } from "../core/errors.ts";
import { anyFloatDtype, isFloatDtype } from "../core/float_types.ts";
import { formatShape, sameShape } from "../core/tensor.ts";
import type { FloatDtype } from "../core/float_types.ts";
import type { TensorEntry } from "../formats/safetensors/header.ts";
import type { SafetensorsFile } from "../formats/safetensors/read.ts";
import { openSafetensors } from "../formats/safetensors/shards.ts";
import { hasFile } from "../storage/storage.ts";
import { isTable } from "../formats/peft/keys.ts";
import { dequantizedFile } from "./storage/float_view.ts";
import { readConfigJson } from "./files.ts";

/** The weight that an update changes. */
export interface BaseMatrix {
  /** Its name in the file. */
  readonly key: string;
  /** True if the file holds it as (in, out). */
  readonly isTransposed: boolean;
}

/** The parts of a {@link BaseFile}. */
interface BaseParts extends Pick<BaseFile, "folder" | "config" | "file" | "quantized" | "stored"> {
  /** Shape and type of a tensor of the file, by its name there. */
  readonly specOf: (key: string) => TensorSpec | undefined;
}

/** The files of a base model, of any architecture; disposing of it closes them. */
export class BaseFile implements Disposable {
  /** Folder of the files. */
  readonly folder: string;
  /** The `config.json`; empty without one. */
  readonly config: ConfigJson;
  /** The tensors; weights in 4 bits as the floats in F32 that they stand for. */
  readonly file: SafetensorsFile;
  /** The types that weights in 4 bits were quantized from, by their names. */
  readonly quantized: ReadonlyMap<string, FloatDtype>;
  /** The tensors as they are stored. */
  readonly stored: SafetensorsFile;
  readonly #specOf: BaseParts["specOf"];
  readonly #keys: NameEndings;
  readonly #head: string;
  /** True if the table of tokens is the head's weight as well. */
  readonly #isTied: boolean;

  /** {@link openBase} makes one. */
  constructor({ folder, config, file, quantized, stored, specOf }: BaseParts) {
    this.folder = folder;
    this.config = config;
    this.file = file;
    this.quantized = quantized;
    this.stored = stored;
    this.#specOf = specOf;
    this.#keys = new NameEndings(file.tensors.keys());
    this.#head = tiedHeadOf(config);
    this.#isTied = isTied(config, this.find("lm_head.weight").length > 0);
  }

  /** True if a known architecture says that files of floats hold a weight as (in, out). */
  isTurned(key: string): boolean {
    return Boolean(this.#specOf(key)?.storedTransposed);
  }

  /** The names of the tensors that are equal to this one but for a longer prefix of either. */
  find(name: string): string[] {
    return this.#keys.find(name);
  }

  /**
   * The weight that an update changes: turned as its architecture says or, if that is unknown, as the
   * update's shape does. For a head that is tied, it is the table of tokens.
   *
   * @throws {RangeError} when the base has no weight that fits, it does not hold floats of 16 bits or more,
   * or it is square and its architecture is unknown.
   */
  locate(update: UpdateShape): BaseMatrix {
    const what = `the weight of ${oneLine(siteName(update))} in ${this.folder}`;
    const key = this.#keyOf(update.module), entry = this.file.tensors.get(key)!;
    assertFloats(what, entry);
    const shape = weightShape(update), spec = this.#specOf(key);
    const isTransposed = update.isEmbedding ||
      (spec ? Boolean(spec.storedTransposed) : looksTurned(what, shape, entry, this.config));
    const found = isTransposed ? entry.shape.toReversed() : entry.shape;
    if (sameShape(found, shape)) return { key, isTransposed };
    throw new RangeError(
      `${what} must have its update's shape ${formatShape(shape)}, found ${formatShape(found)}`,
    );
  }

  /**
   * The extents of a tensor in this toolkit, (out, in) for the weight of a linear layer, and whether the file holds
   * it turned.
   *
   * @throws {RangeError} when the base has no one tensor of that name, or its architecture is unknown.
   */
  describe(name: string): TensorSpec {
    const [key, ...others] = this.find(name), spec = key && this.#specOf(key);
    if (spec && others.length === 0) return spec;
    const rule = "must have one tensor of every name, and a known architecture";
    throw new RangeError(`the base in ${this.folder} ${rule}, found none of ${oneLine(name)}`);
  }

  /**
   * The name of an embedding's table in the file.
   *
   * @throws {RangeError} when there is not one, or it does not hold floats of 16 bits or more.
   */
  tableOf(module: string): string {
    const key = this.#keyOf(module);
    assertFloats(`the weight of ${oneLine(module)} in ${this.folder}`, this.file.tensors.get(key)!);
    return key;
  }

  /**
   * Asserts that a table of tokens and a head share no weight: what is added to it would change both.
   *
   * @param module Path of the table or of the head.
   * @throws {RangeError} when they do, or nothing says that the head has a weight of its own.
   */
  assertUntied(module: string): void {
    const isHead = isNamed(module, this.#head);
    if (!this.#isTied || !isHead && !isTable(`${module}.weight`)) return;
    throw new RangeError(
      `merging needs changes of weights that no other layer has, found one of ${
        oneLine(module)
      }, ` +
        `whose weight the ${
          isHead ? "embedding" : "head"
        } shares and which would change with it: keep the ` +
        "adapter beside the model",
    );
  }

  /** Closes the files. */
  [Symbol.dispose](): void {
    this.file[Symbol.dispose]();
  }

  /** The name of a module's weight in the file, with any prefix. */
  #keyOf(module: string): string {
    const table = this.#isTied && isNamed(module, this.#head) ? this.#table() : undefined;
    const found = table === undefined ? this.find(`${module}.weight`) : [table];
    if (found.length === 1) return found[0];
    const names = found.length === 0 ? "none" : found.join(" and ");
    throw new RangeError(
      `the base in ${this.folder} must have one weight of ${oneLine(module)}, found ${names}`,
    );
  }

  /** The table of tokens. */
  #table(): string | undefined {
    return [...this.file.tensors.keys()]
      .find((key) => isTable(key) && !isNamed(moduleOf(key), this.#head));
  }
}

/**
 * Opens the files of a Hugging Face folder; only headers are read.
 *
 * @throws {Error} when the folder does not hold a model in safetensors files.
 */
export async function openBase(folder: string): Promise<BaseFile> {
  const isDescribed = await hasFile(folder, "config.json");
  const config = isDescribed ? await readConfigJson(folder) : {};
  const specs = new Map(knownTensors(config).map((spec) => [spec.name, spec]));
  const known = new NameEndings(specs.keys());
  const specOf = (key: string) => specs.get(known.find(key)[0]);
  using opened = new DisposableStack();
  const stored = opened.use(await openSafetensors(folder));
  const floats = await dequantizedFile(stored, (key) => Boolean(specOf(key)?.storedTransposed));
  const base = new BaseFile({ folder, config, ...floats, stored, specOf });
  opened.move();
  return base;
}

/** The architecture of a base, if it is known; where its head is not one that is counted, that with the usual head. */
export const architectureIn = (config: ConfigJson): Architecture | undefined =>
  architectureIfKnown(config) ?? architectureIfKnown({ ...config, architectures: undefined });

/** The tensors of a known family's files. */
function knownTensors(config: ConfigJson): readonly TensorSpec[] {
  const architecture = architectureIn(config);
  return architecture ? [...architecture.tensors, ...architecture.besides ?? []] : [];
}

function architectureIfKnown(config: ConfigJson): Architecture | undefined {
  try {
    return architectureOf(config);
  } catch {
    return undefined; // Shapes say how most weights are stored.
  }
}

/**
 * True if a language model's head has no weight of its own; of an unknown architecture, unless
 * files say so.
 */
function isTied(config: ConfigJson, hasHead: boolean): boolean {
  const architecture = architectureIfKnown(config);
  if (!architecture) return config.tie_word_embeddings === true || !hasHead;
  const { head, linears } = architecture;
  const tokens = linears.find(({ kind }) => kind === "embedding")?.outputs;
  // DeBERTa's head without `legacy` has a hidden layer that counts as a head, and the table as its last weight.
  const isOwn = linears.some(({ kind, outputs }) => kind === "head" && outputs === tokens);
  return head === "language" && !isOwn;
}

/** Name of a tied language model's last layer; no tensor has this name. */
export function tiedHeadOf(config: ConfigJson): string {
  const names = knownTensors(config).map(({ name }) => name);
  const masked = names.map((name) => /^(cls\.predictions|lm_head|lm_predictions)\../.exec(name))
    .find((found) => found !== null);
  return masked && !names.includes("lm_head.weight") ? `${masked[1]}.decoder` : "lm_head";
}

/** (out, in) of the whole weight. */
function weightShape({ outputs, A, B }: UpdateShape): number[] {
  return [outputs ?? B.shape[0], A.shape[1]];
}

/** True if a weight of an unknown architecture is stored as (in, out). */
function looksTurned(
  what: string,
  [out, inner]: readonly number[],
  { shape }: TensorEntry,
  { model_type }: ConfigJson,
): boolean {
  const isPossible = sameShape(shape, [inner, out]);
  if (out !== inner || !isPossible) return isPossible;
  throw new RangeError(
    `${what} must not be square where the architecture is unknown, as its shape does not say which axis ` +
      `is the output; found ${formatShape(shape)} and model_type ${quote(model_type ?? null)}`,
  );
}

function assertFloats(what: string, { dtype }: TensorEntry): void {
  if (isFloatDtype(dtype)) return;
  throw new RangeError(`${what} must hold ${anyFloatDtype}, found ${dtype}`);
}
