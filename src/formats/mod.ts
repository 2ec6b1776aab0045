/**
 * Files of weights and adapters: bytes to records and back, with no device and no model.
 *
 * @module
 */

export type { HostData, HostTensor } from "../core/host_tensor.ts";
export type { Shape } from "../core/shape.ts";
export type { Dtype, FloatDtype } from "./dtype.ts";
export { headerBytes, parseHeader, type SafetensorsHeader, type TensorEntry } from "./header.ts";
export type { SafetensorsContent, SafetensorsFile } from "./safetensors.ts";
export { openSafetensors, readSafetensors } from "./shards.ts";
export { type WriteOptions, writeSafetensors } from "./write_safetensors.ts";
