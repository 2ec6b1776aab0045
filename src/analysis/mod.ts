/** Rank analysis: plain matrices in, plain numbers out. No device, no model. @module */

export type { HostData, HostTensor } from "../core/host_tensor.ts";
export type { Shape } from "../core/shape.ts";
export { type Factors, type Spectrum, spectrum } from "./spectrum.ts";
