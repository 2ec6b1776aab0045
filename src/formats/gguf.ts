/** Reads the tensors of GGUF files as those of a Hugging Face model. @module */

import { quote } from "../core/errors.ts";
import { type FloatDtype, isFloatDtype } from "../core/float_types.ts";
import {
  formatShape,
  type HostData,
  type HostTensor,
  nonFiniteAt,
  positionIn,
  sizeOf,
} from "../core/tensor.ts";
import { architectureIn, configOf } from "../storage/gguf/config.ts";
import { broken, type GgufHeader, type GgufTensor, readGguf } from "../storage/gguf/header.ts";
import type { OpenFile } from "../storage/open_file.ts";
import { fileName, type FileSource, openFile } from "../storage/storage.ts";
import {
  bitsOf,
  decode,
  nonFiniteBitsAt,
  storedBits,
  type TensorEntry,
} from "./safetensors/header.ts";
import {
  cutRows,
  inFile,
  missing,
  type ReadOptions,
  type SafetensorsFile,
  type TensorPiece,
} from "./safetensors/read.ts";

/** A tensor of a GGUF file, and what is done to it. */
export interface RenamedTensor extends GgufTensor {
  /** Rows of one attention head, if the two halves of each head are interleaved in the file. */
  readonly headRows?: number;
}

/** Names outside of the blocks. */
const outer: Readonly<Record<string, string>> = {
  token_embd: "model.embed_tokens",
  output_norm: "model.norm",
  output: "lm_head",
};

/** Names in a block. */
const inner: Readonly<Record<string, string>> = {
  attn_norm: "input_layernorm",
  attn_q: "self_attn.q_proj",
  attn_k: "self_attn.k_proj",
  attn_v: "self_attn.v_proj",
  attn_output: "self_attn.o_proj",
  ffn_norm: "post_attention_layernorm",
  ffn_gate: "mlp.gate_proj",
  ffn_up: "mlp.up_proj",
  ffn_down: "mlp.down_proj",
};

/**
 * The tensors of a model by Hugging Face's names.
 *
 * @throws {SyntaxError} when the architecture or a tensor's name is unknown, or rows are not those of whole heads.
 */
export function renamedTensors(header: GgufHeader): Map<string, RenamedTensor> {
  const rowsOf = headRowsIn(header);
  return new Map(
    Array.from(header.tensors, ([name, tensor]) => {
      const headRows = rowsOf(name, tensor);
      return [ownName(name), headRows === undefined ? tensor : { ...tensor, headRows }];
    }),
  );
}

function ownName(name: string): string {
  const [, block, layer, kind] = /^(?:blk\.(\d{1,4})\.)?(\w+)\.(weight|bias)$/.exec(name) ?? [];
  const names = block === undefined ? outer : inner;
  if (layer === undefined || !Object.hasOwn(names, layer)) {
    return broken(`a tensor must be one of a Llama or Qwen2, found ${quote(name)}`);
  }
  const at = block === undefined ? "" : `model.layers.${block}.`;
  return `${at}${names[layer]}.${kind}`;
}

/**
 * The rows of a head where they are interleaved: llama.cpp turns neighboring columns of a Llama's queries and keys
 * by their position, Hugging Face's models those that are half a head apart.
 */
function headRowsIn(header: GgufHeader) {
  const { num_attention_heads: heads, num_key_value_heads: shared = heads } = configOf(header);
  const isTurned = architectureIn(header) === "llama";
  return (name: string, { shape: [rows = 0] }: GgufTensor): number | undefined => {
    const [, part] = isTurned ? /\.attn_([qk])\.\w+$/.exec(name) ?? [] : [];
    if (part === undefined) return undefined;
    const each = rows / Number(part === "q" ? heads : shared);
    if (each > 0 && each % 2 === 0) return each;
    return broken(`${quote(name)} must have an even number of rows for each head, found ${each}`);
  };
}

/** Index in the file of a row, counted from 0. */
export function rowInFile(row: number, headRows: number): number {
  const within = row % headRows, half = headRows / 2, pair = within % half;
  return row - within + 2 * pair + (within - pair) / half;
}

/**
 * Opens a GGUF file of a Llama or Qwen2 as a safetensors file with the names, shapes and order of rows that
 * transformers has. Values in blocks (Q4_0, Q4_1, Q8_0) are the F32 that they stand for. Only the header is read.
 *
 * @throws {SyntaxError} when the header says what the file does not hold, or holds what cannot be read.
 * @throws {Error} when the file cannot be read.
 */
export async function openGguf(
  source: FileSource,
  options: ReadOptions = {},
): Promise<SafetensorsFile> {
  const file = await openFile(source), path = fileName(source);
  try {
    return new GgufFloats(file, path, renamedTensors(await readGguf(file)), options);
  } catch (error) {
    file[Symbol.dispose]();
    throw inFile(path, error);
  }
}

/** Values of a tensor one after another. */
interface Span {
  readonly start: number;
  readonly count: number;
}

class GgufFloats implements SafetensorsFile {
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: SafetensorsFile["metadata"] = {};
  readonly #file: OpenFile;
  readonly #path: string;
  readonly #stored: ReadonlyMap<string, RenamedTensor>;
  readonly #options: ReadOptions;

  constructor(
    file: OpenFile,
    path: string,
    stored: ReadonlyMap<string, RenamedTensor>,
    options: ReadOptions,
  ) {
    this.#file = file;
    this.#path = path;
    this.#stored = stored;
    this.#options = options;
    this.tensors = new Map(Array.from(stored, ([name, tensor]) => [name, entryOf(tensor)]));
  }

  async read(name: string): Promise<HostTensor> {
    return await this.#reading(name, async (tensor) => {
      const { shape } = tensor, whole = { start: 0, count: sizeOf(shape) };
      return { shape, data: await this.#values(tensor, whole, false) };
    });
  }

  async *pieces(name: string, asStored = false): AsyncIterable<TensorPiece> {
    const spans = await this.#reading(name, () => [...cutRows(this.tensors.get(name)!)]);
    for (const [start, count] of spans) {
      yield await this.#reading(name, async (tensor) => ({
        start,
        data: await this.#values(tensor, { start, count }, asStored),
      }));
    }
  }

  async readBytes(name: string, start: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    return await this.#reading(name, async (tensor) => {
      const each = bitsOf(dtypeOf(tensor)) / 8, { blockValues } = tensor.type;
      const unit = each * blockValues, first = Math.floor(start / unit) * blockValues;
      const end = Math.ceil((start + length) / unit) * blockValues;
      const span = { start: first, count: end - first };
      const bytes = await storedBytes(this.#file, tensor, span), skipped = start - first * each;
      const { widen } = tensor.type, stored = widen ? bytesOf(widen(bytes)) : bytes;
      return stored.slice(skipped, skipped + length);
    });
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }

  /** Reads something of one tensor; errors name it. */
  async #reading<T>(name: string, read: (tensor: RenamedTensor) => T | Promise<T>): Promise<T> {
    const tensor = this.#stored.get(name);
    if (!tensor) throw new RangeError(missing(this.#path, name, this.tensors));
    try {
      return await read(tensor);
    } catch (error) {
      throw inFile(`${quote(name)} of ${this.#path}`, error);
    }
  }

  async #values(tensor: RenamedTensor, span: Span, asStored: boolean): Promise<HostData> {
    const bytes = await storedBytes(this.#file, tensor, span), dtype = dtypeOf(tensor);
    const { widen } = tensor.type;
    const values = widen
      ? widen(bytes)
      : asStored
      ? storedBits(dtype, bytes)
      : decode(dtype, bytes);
    if (!this.#options.allowNonFinite) assertFinite(tensor, span, values);
    return values;
  }
}

/** The type of the values as they are given. */
const dtypeOf = ({ type: { name } }: RenamedTensor): FloatDtype =>
  isFloatDtype(name) ? name : "F32";

/** A tensor as files of floats have it; values in blocks have no place of their own. */
function entryOf(tensor: RenamedTensor): TensorEntry {
  const { shape, offset } = tensor, dtype = dtypeOf(tensor);
  return { dtype, shape, offset, bytes: sizeOf(shape) * bitsOf(dtype) / 8 };
}

/** The bytes of whole blocks in the file, rows in the order of Hugging Face's models. */
async function storedBytes(
  file: OpenFile,
  tensor: RenamedTensor,
  span: Span,
): Promise<Uint8Array<ArrayBuffer>> {
  const { offset, type: { blockValues, blockBytes } } = tensor;
  const size = (values: number) => values / blockValues * blockBytes;
  const bytes = new Uint8Array(size(span.count));
  let filled = 0;
  for (const { start, count } of spansInFile(tensor, span)) {
    const length = size(count);
    await file.read(offset + size(start), length, bytes.subarray(filled, filled + length));
    filled += length;
  }
  return bytes;
}

/** Spans of the file that hold the values of a span: one, or one for each row. */
function* spansInFile({ shape, headRows }: RenamedTensor, { start, count }: Span): Generator<Span> {
  if (headRows === undefined) return yield { start, count };
  const width = shape[1] ?? 1, end = start + count;
  for (let at = start, length; at < end; at += length) {
    const column = at % width;
    length = Math.min(width - column, end - at);
    yield { start: rowInFile((at - column) / width, headRows) * width + column, count: length };
  }
}

function assertFinite(tensor: RenamedTensor, { start }: Span, values: HostData): void {
  const dtype = dtypeOf(tensor), isBits = values instanceof Uint16Array;
  const at = isBits ? nonFiniteBitsAt(values, dtype) : nonFiniteAt(values);
  if (at < 0) return;
  const found = isBits ? decode(dtype, bytesOf(values).slice())[at] : values[at];
  const place = formatShape(positionIn(tensor.shape, start + at));
  throw new RangeError(`values must be finite in F32, found ${found} at ${place}`);
}

const bytesOf = ({ buffer, byteOffset, byteLength }: HostData): Uint8Array<ArrayBuffer> =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
