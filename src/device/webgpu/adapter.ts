/** Which WebGPU adapter there is, and whether real hardware stands behind it. @module */

import type { AdapterTraits } from "../../../kernels/kernel.ts";

/** What tells adapters apart; a `GPUAdapterInfo` is one. */
export interface AdapterInfo {
  /** Often empty, or a number. */
  readonly vendor: string;
  /** Family of the hardware. */
  readonly architecture: string;
  /** Name of the hardware. */
  readonly description: string;
  /** True when the adapter itself says that it is software. */
  readonly isFallbackAdapter: boolean;
  /** Fewest threads that run in step. */
  readonly subgroupMinSize: number;
  /** Most threads that run in step. */
  readonly subgroupMaxSize: number;
}

const label = "lowrank";

const softwareNames = /llvmpipe|lavapipe|softpipe|swiftshader|basic render|software/i;

/**
 * True for an adapter that draws on the CPU, and for OpenGL, which Deno falls to without a word where
 * Vulkan is missing: it is told by its subgroups, 4 to 128, the bounds of the specification that stand
 * in for a size that it does not know.
 */
export function isSoftwareAdapter(info: AdapterInfo): boolean {
  return info.isFallbackAdapter || softwareNames.test(`${info.architecture} ${info.description}`) ||
    (info.subgroupMinSize === 4 && info.subgroupMaxSize === 128);
}

/** A name for people: `llvmpipe`, `NVIDIA H100`. */
export function adapterName({ vendor, architecture, description }: AdapterInfo): string {
  // llvmpipe adds its compiler's version in brackets.
  const name = description.replace(/\s*\(LLVM.*\)/, "");
  return name || [vendor, architecture].filter(Boolean).join(" ") || "unnamed adapter";
}

/** The adapter, or `undefined` where there is none or Deno was built without WebGPU. */
export async function findAdapter(): Promise<GPUAdapter | undefined> {
  const gpu: GPU | undefined = navigator.gpu;
  return await gpu?.requestAdapter({ powerPreference: "high-performance" }) ?? undefined;
}

/** An open device with what its shaders may count on. */
export interface OpenedAdapter {
  /** WebGPU's device. */
  readonly gpu: GPUDevice;
  /** What decides between programs. */
  readonly traits: AdapterTraits;
}

/** Opens an adapter with the largest buffers that it can have, and with subgroups if it grants them. */
export async function requestDevice(adapter: GPUAdapter): Promise<OpenedAdapter> {
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  const requiredLimits = { maxBufferSize, maxStorageBufferBindingSize };
  const software = isSoftwareAdapter(adapter.info);
  try {
    // Deno grants the feature when asked, though its adapters do not list it.
    const requiredFeatures = ["subgroups" as GPUFeatureName];
    const gpu = await adapter.requestDevice({ label, requiredFeatures, requiredLimits });
    return { gpu, traits: { software, subgroupSize: fixedSubgroupSize(adapter.info) } };
  } catch {
    const gpu = await adapter.requestDevice({ label, requiredLimits });
    return { gpu, traits: { software, subgroupSize: 0 } };
  }
}

function fixedSubgroupSize({ subgroupMinSize, subgroupMaxSize }: AdapterInfo): number {
  return subgroupMinSize === subgroupMaxSize ? subgroupMinSize : 0;
}
