/**
 * Files of weights and adapters: bytes to records and back, with no device and no model.
 *
 * @module
 */

export { AdapterFileError, ShapeError } from "../core/errors.ts";
export type { HostData, HostTensor, Shape } from "../core/tensor.ts";
export type {
  FourBitCode,
  QuantizedAbsmax,
  QuantizedForm,
  QuantizedTensor,
  UnquantizedType,
} from "../quant/quantized_tensor.ts";
export {
  type LowRankFactors,
  type LowRankUpdate,
  type RandomInit,
  type RowRange,
  type SiteAddress,
  siteName,
  type SiteRole,
  type SiteRows,
} from "../core/update.ts";
export type { RandomStart } from "./peft/metadata.ts";
export type { Folder } from "../storage/storage.ts";
export { type AdapterException, readAdapterLabels } from "./peft/read.ts";
export type { AdapterRecord, TrainedUpdate } from "./peft/record.ts";
export type { FloatDtype, HalfDtype } from "../core/float_types.ts";
export {
  type Dtype,
  headerBytes,
  parseHeader,
  type SafetensorsHeader,
  type TensorEntry,
} from "./safetensors/header.ts";
export {
  alphaOf,
  type BiasMode,
  type ModuleSelection,
  parsePeftConfig,
  type PeftConfig,
  type TrainedRows,
} from "./peft/config.ts";
export { joinUpdates, splitUpdate } from "./peft/comparable.ts";
export { kohyaTensors, kohyaUpdates } from "./kohya.ts";
export { type LoralibOptions, loralibTensors, loralibUpdates } from "./loralib.ts";
export {
  parsePromptConfig,
  type PromptConfig,
  promptConfigJson,
  type PromptType,
} from "./peft/other_configs.ts";
export { type PeftAdapter, readAdapter, type ReadAdapterOptions } from "./peft/folder.ts";
export type {
  ReadOptions,
  SafetensorsContent,
  SafetensorsFile,
  TensorPiece,
} from "./safetensors/read.ts";
export { quantizedNames, readQuantized } from "./four_bit.ts";
export { readRemoteHeaders, type RemoteHeaders } from "./safetensors/remote.ts";
export { openSafetensors, readSafetensors } from "./safetensors/shards.ts";
export { writeAdapter } from "./peft/write.ts";
export { type WriteOptions, writeSafetensors } from "./safetensors/write.ts";
