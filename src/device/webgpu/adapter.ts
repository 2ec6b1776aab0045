/** Finding a WebGPU adapter, and telling whether it is real hardware. @module */

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
  /** Fewest threads per subgroup. */
  readonly subgroupMinSize: number;
  /** Most threads per subgroup. */
  readonly subgroupMaxSize: number;
}

const label = "lowrank";

const softwareNames = /llvmpipe|lavapipe|softpipe|swiftshader|basic render|software/i;

/**
 * True for an adapter that runs on the CPU, and for OpenGL, to which Deno silently falls back if Vulkan
 * is missing. OpenGL is recognized by its subgroup sizes, 4 to 128: the specification's bounds,
 * reported for an unknown size.
 */
export function isSoftwareAdapter(info: AdapterInfo): boolean {
  return info.isFallbackAdapter || softwareNames.test(`${info.architecture} ${info.description}`) ||
    (info.subgroupMinSize === 4 && info.subgroupMaxSize === 128);
}

/** A human-readable name: `llvmpipe`, `NVIDIA H100`. */
export function adapterName({ vendor, architecture, description }: AdapterInfo): string {
  // llvmpipe adds its compiler's version in parentheses.
  const name = description.replace(/\s*\(LLVM.*\)/, "");
  return name || [vendor, architecture].filter(Boolean).join(" ") || "unnamed adapter";
}

/** The adapter, or `undefined` if there is none or Deno was built without WebGPU. */
export async function findAdapter(): Promise<GPUAdapter | undefined> {
  const gpu: GPU | undefined = navigator.gpu;
  return await gpu?.requestAdapter({ powerPreference: "high-performance" }) ?? undefined;
}

/** An open device with the traits that shaders may rely on. */
export interface OpenedAdapter {
  /** WebGPU's device. */
  readonly gpu: GPUDevice;
  /** The traits that select a kernel's program. */
  readonly traits: AdapterTraits;
}

/** Opens an adapter with its largest buffer limits, and with a clock and subgroups if it grants them. */
export async function requestDevice(adapter: GPUAdapter): Promise<OpenedAdapter> {
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  const requiredLimits = { maxBufferSize, maxStorageBufferBindingSize };
  const software = isSoftwareAdapter(adapter.info);
  const clock = adapter.features.has("timestamp-query") ? ["timestamp-query" as const] : [];
  try {
    // Deno grants this feature on request, although its adapters do not list it.
    const requiredFeatures = ["subgroups" as GPUFeatureName, ...clock];
    const gpu = await adapter.requestDevice({ label, requiredFeatures, requiredLimits });
    return { gpu, traits: { software, subgroupSize: fixedSubgroupSize(adapter.info) } };
  } catch {
    const gpu = await adapter.requestDevice({ label, requiredFeatures: clock, requiredLimits });
    return { gpu, traits: { software, subgroupSize: 0 } };
  }
}

function fixedSubgroupSize({ subgroupMinSize, subgroupMaxSize }: AdapterInfo): number {
  return subgroupMinSize === subgroupMaxSize ? subgroupMinSize : 0;
}
