/**
 * Files of weights and adapters: bytes to records and back, with no device and no model.
 *
 * @module
 */

export { AdapterFileError, ShapeError } from "../core/errors.ts";
export type { HostData, HostTensor } from "../core/tensor.ts";
export type { FourBitCode } from "../quant/quantized_tensor.ts";
export type {
  QuantizedAbsmax,
  QuantizedForm,
  QuantizedTensor,
  UnquantizedType,
} from "../quant/quantized_tensor.ts";
export type { LowRankFactors, LowRankUpdate } from "../core/update.ts";
export type { RowRange, SiteRows } from "../core/update.ts";
export type { RandomStart } from "./peft/metadata.ts";
export type { Shape } from "../core/tensor.ts";
export type { Folder } from "../storage/storage.ts";
export { type SiteAddress, siteName, type SiteRole } from "../core/update.ts";
export type { AdapterException } from "./peft/read.ts";
export type { AdapterRecord, TrainedUpdate } from "./peft/record.ts";
export type { Dtype, FloatDtype, HalfDtype } from "./safetensors/header.ts";
export { alphaOf } from "./peft/config.ts";
export {
  headerBytes,
  parseHeader,
  type SafetensorsHeader,
  type TensorEntry,
} from "./safetensors/header.ts";
export { joinUpdates, splitUpdate } from "./peft/comparable.ts";
export { kohyaTensors, kohyaUpdates } from "./kohya.ts";
export { type LoralibOptions, loralibTensors, loralibUpdates } from "./loralib.ts";
export { parsePeftConfig, type PeftConfig } from "./peft/config.ts";
export type { BiasMode, TrainedRows } from "./peft/config.ts";
export {
  parsePromptConfig,
  type PromptConfig,
  promptConfigJson,
  type PromptType,
} from "./peft/other_configs.ts";
export type { ModuleSelection } from "./peft/config.ts";
export { readAdapterLabels } from "./peft/read.ts";
export type { PeftAdapter, ReadAdapterOptions } from "./peft/folder.ts";
export { readAdapter } from "./peft/folder.ts";
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
