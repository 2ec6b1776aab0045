/** The interface of a storage form: how a model's matrices are stored, in files and on a device. @module */

import type { HalfType } from "../../../kernels/kernel.ts";
import type { Architecture, TensorSpec } from "../../architectures/architecture.ts";
import type { Weight } from "../../autograd/weight.ts";
import type { FloatDtype, FloatType } from "../../core/float_types.ts";
import type { HostTensor, Shape } from "../../core/tensor.ts";
import type { Scope } from "../../device/arena.ts";
import type { SafetensorsFile, TensorPiece } from "../../formats/safetensors/read.ts";
import type { FourBitCode, FourBitForm } from "../../quant/quantized_tensor.ts";

/** Storage form of a matrix that is not in F32: in 16 bits, or in 4. */
export type StoredForm = HalfType | Omit<FourBitForm, "shape">;

/** Options for storing a model's matrices on the device. */
export interface StorageOptions {
  /**
   * Storage type of the matrices of linear layers, token embedding and language head on the device.
   * With `auto`, those of 16 bits in the file stay so: half the memory and the same results, but
   * they cannot be trained, only adapted. With `F16` or `BF16` all are rounded to that, as in
   * transformers. With `nf4` or `fp4` those of the blocks' linear layers are quantized to 4 bits as
   * they are loaded, as in QLoRA, and all else is F32. Biases, norms, positions and classifiers are
   * always F32. Default: `F32`, but what a file has in 4 bits stays so.
   */
  readonly dtype?: FloatDtype | FourBitCode | "auto";
  /** Values per block in 4 bits: a power of two from 32 to 4096. Default 64. */
  readonly blockSize?: number;
  /** True if the scales of the blocks are in 8 bits. Default true. */
  readonly doubleQuantization?: boolean;
}

/**
 * A way to store the matrices of a frozen model. F32 has none of these values, as its matrices are parameters: a model
 * has them where no form is named.
 */
export interface StorageForm {
  /** The value of the option `dtype` that asks for it. */
  readonly name: Exclude<FloatDtype, "F32"> | FourBitCode;
  /** The options beside `dtype` that it takes. */
  readonly options: readonly Exclude<keyof StorageOptions, "dtype">[];
  /** For a weight that is several tensors of a file. */
  readonly packed?: PackedForm;
  /** True for a matrix that is stored so. */
  recognize(stored: StoredForm): boolean;
  /** The form that options ask for. */
  asked(options: StorageOptions): StoredForm;
  /** The matrices of a model that its name asks for. */
  matrices(architecture: Architecture): readonly TensorSpec[];
  /** A weight without values; its `bytes` are what the device holds. */
  allocate(owner: Scope, spec: TensorSpec, stored: StoredForm): Weight;
  /** Copies a tensor of a file to a weight that it has allocated. */
  write(weight: Weight, tensor: FileTensor): Promise<void>;
}

/** A form by which a weight is several tensors of a file: codes, scales, and what says how they are read. */
export interface PackedForm {
  /** The name of the weight that a tensor belongs to by its own name; undefined for others. */
  ownerOf(key: string): string | undefined;
  /**
   * Reads how a weight is stored, and no values.
   *
   * @throws {SyntaxError} when a part of it is missing or wrong.
   */
  recognize(file: SafetensorsFile, name: string): Promise<FourBitForm>;
  /** The names of a file's weights that are stored so, each once. */
  namesIn(file: Pick<SafetensorsFile, "tensors">): readonly string[];
  /**
   * Reads a weight's shape, and the type of the floats that it was made from.
   *
   * @throws {SyntaxError} As {@link PackedForm.recognize}.
   */
  floatsOf(file: SafetensorsFile, name: string): Promise<{ shape: Shape; dtype: FloatDtype }>;
  /** Reads a weight's values in F32, (out, in) whatever its model's files of floats have. */
  read(file: SafetensorsFile, name: string): Promise<HostTensor>;
}

/** A tensor of a file on its way to a device. */
export interface FileTensor {
  /** The file. */
  readonly file: SafetensorsFile;
  /** Its name there. */
  readonly name: string;
  /** True if the file has it in a {@link PackedForm}. */
  readonly isPacked: boolean;
  /** True if values that are rounded to 16 bits may become infinite; in 4 bits none may be. */
  readonly allowNonFinite: boolean;
  /** All values in F32, (out, in), in memory that the next tensor uses again. */
  values(): Promise<HostTensor>;
  /** The same piece by piece, as a type of floats stores them. */
  pieces(type: FloatType): AsyncIterable<TensorPiece>;
}
