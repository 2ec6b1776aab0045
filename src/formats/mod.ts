/**
 * Files of weights and adapters: bytes to records and back, with no device and no model.
 *
 * @module
 */

export { AdapterFileError, ShapeError } from "../core/errors.ts";
export type { HostData, HostTensor } from "../core/host_tensor.ts";
export type { RowRange, SiteRows } from "../core/row_range.ts";
export type { Shape } from "../core/shape.ts";
export type { AdapterRecord, AdapterWeights } from "./adapter_record.ts";
export { type AdapterSite, splitSites } from "./adapter_sites.ts";
export { type BlockAdapter, blockAdapter, type BlockSite, splitBlocks } from "./blocks.ts";
export type { Dtype, FloatDtype } from "./dtype.ts";
export { headerBytes, parseHeader, type SafetensorsHeader, type TensorEntry } from "./header.ts";
export { parsePeftConfig, type PeftConfig } from "./peft_config.ts";
export type { ModuleSelection } from "./peft_patterns.ts";
export {
  type AdapterModule,
  type PeftAdapter,
  readAdapter,
  type ReadAdapterOptions,
} from "./read_adapter.ts";
export type { SafetensorsContent, SafetensorsFile } from "./safetensors.ts";
export { readRemoteHeaders, type RemoteHeaders } from "./remote.ts";
export { openSafetensors, readSafetensors } from "./shards.ts";
export { writeAdapter } from "./write_adapter.ts";
export { type WriteOptions, writeSafetensors } from "./write_safetensors.ts";
