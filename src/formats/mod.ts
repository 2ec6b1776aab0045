/**
 * Files of weights and adapters: bytes to records and back, with no device and no model.
 *
 * @module
 */

export { AdapterFileError, ShapeError } from "../core/errors.ts";
export type { HostData, HostTensor } from "../core/host_tensor.ts";
export type { FourBitCode } from "../quant/codes.ts";
export type {
  QuantizedAbsmax,
  QuantizedForm,
  QuantizedTensor,
  UnquantizedType,
} from "../quant/quantized_tensor.ts";
export type { LowRankFactors, LowRankUpdate } from "../core/low_rank_update.ts";
export type { RowRange, SiteRows } from "../core/row_range.ts";
export type { RandomStart } from "./start_metadata.ts";
export type { Shape } from "../core/shape.ts";
export type { Folder } from "../core/storage.ts";
export { type SiteAddress, siteName, type SiteRole } from "../core/site.ts";
export type { AdapterException } from "./adapter_exceptions.ts";
export type { AdapterRecord, TrainedUpdate } from "./adapter_record.ts";
export type { Dtype, FloatDtype, HalfDtype } from "./dtype.ts";
export { alphaOf } from "./exact_alpha.ts";
export { headerBytes, parseHeader, type SafetensorsHeader, type TensorEntry } from "./header.ts";
export { joinUpdates, splitUpdate } from "./join_updates.ts";
export { kohyaTensors, kohyaUpdates } from "./kohya.ts";
export { type LoralibOptions, loralibTensors, loralibUpdates } from "./loralib.ts";
export { parsePeftConfig, type PeftConfig } from "./peft_config.ts";
export type { BiasMode, TrainedRows } from "./peft_extras.ts";
export {
  parsePromptConfig,
  type PromptConfig,
  promptConfigJson,
  type PromptType,
} from "./peft_prompt.ts";
export type { ModuleSelection } from "./peft_patterns.ts";
export { readAdapterLabels } from "./adapter_weights.ts";
export type { PeftAdapter, ReadAdapterOptions } from "./peft_adapter.ts";
export { readAdapter } from "./read_adapter.ts";
export type {
  ReadOptions,
  SafetensorsContent,
  SafetensorsFile,
  TensorPiece,
} from "./safetensors.ts";
export { quantizedNames, readQuantized } from "./read_quantized.ts";
export { readRemoteHeaders, type RemoteHeaders } from "./remote.ts";
export { openSafetensors, readSafetensors } from "./shards.ts";
export { writeAdapter } from "./write_adapter.ts";
export { type WriteOptions, writeSafetensors } from "./write_safetensors.ts";
