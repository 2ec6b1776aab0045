/** Reads the tensors of GGUF files as those of a Hugging Face model. @module */

import { readGguf } from "../core/gguf/header.ts";
import { type HostData, type HostTensor, nonFiniteAt } from "../core/host_tensor.ts";
import type { OpenFile } from "../core/open_file.ts";
import { quote } from "../core/quote.ts";
import { formatShape, positionIn, sizeOf } from "../core/shape.ts";
import { fileName, type FileSource, openFile } from "../core/storage.ts";
import { bitsOf, decode, nonFiniteBitsAt, storedBits } from "./dtype.ts";
import type { FloatDtype } from "./dtype.ts";
import { type BlockType, widenBlocks } from "./gguf_blocks.ts";
import { type RenamedTensor, renamedTensors, rowInFile } from "./gguf_names.ts";
import type { TensorEntry } from "./header.ts";
import {
  cutRows,
  inFile,
  missing,
  type ReadOptions,
  type SafetensorsFile,
  type TensorPiece,
} from "./safetensors.ts";

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
      const stored = isInBlocks(tensor) ? bytesOf(widenBlocks(tensor.type.name, bytes)) : bytes;
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
    const values = isInBlocks(tensor)
      ? widenBlocks(tensor.type.name, bytes)
      : asStored
      ? storedBits(dtype, bytes)
      : decode(dtype, bytes);
    if (!this.#options.allowNonFinite) assertFinite(tensor, span, values);
    return values;
  }
}

const isInBlocks = (
  tensor: RenamedTensor,
): tensor is RenamedTensor & { readonly type: { readonly name: BlockType } } =>
  tensor.type.blockValues > 1;

/** The type of the values as they are given. */
const dtypeOf = ({ type: { name } }: RenamedTensor): FloatDtype =>
  name === "F16" || name === "BF16" ? name : "F32";

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

/** Where the file has the values of a span: at once, or row by row. */
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
