/** Finding a WebGPU adapter, and telling whether it is real hardware. @module */

import type { AdapterTraits } from "../../../kernels/kernel.ts";
import { DeviceError } from "../../core/errors.ts";
import { environmentVariable } from "../../core/platform.ts";

/** Fields that distinguish adapters; a `GPUAdapterInfo` is one. */
export interface AdapterInfo {
  /** Often empty, or a number. */
  readonly vendor: string;
  /** Family of the hardware. */
  readonly architecture: string;
  /** Name of the hardware. */
  readonly description: string;
  /** True when the adapter itself says that it is software; older browsers do not say. */
  readonly isFallbackAdapter?: boolean;
  /** Fewest threads per subgroup: 4 where the adapter has no subgroups. Older browsers do not say. */
  readonly subgroupMinSize?: number;
  /** Most threads per subgroup: 128 where the adapter has no subgroups. */
  readonly subgroupMaxSize?: number;
}

const label = "lowrank";

const softwareNames = /llvmpipe|lavapipe|softpipe|swiftshader|basic render|software/i;

/**
 * True for an adapter that runs on the CPU: by its own word, or by the name of a renderer. Subgroups of 4
 * to 128 do not tell: every adapter without subgroups must report them. So OpenGL, which Deno silently
 * takes where Vulkan is missing, is what it computes on.
 */
export function isSoftwareAdapter(info: AdapterInfo): boolean {
  return info.isFallbackAdapter === true ||
    softwareNames.test(`${info.architecture} ${info.description}`);
}

const variable = "LOWRANK_REQUIRE_HARDWARE";

/** True for `LOWRANK_REQUIRE_HARDWARE=1`, which forbids software in place of a GPU. */
export function requiresHardware(): boolean {
  const value = environmentVariable(variable) ?? "";
  if (!["", "0", "1"].includes(value)) {
    throw new RangeError(`${variable} must be 0 or 1, found ${value}`);
  }
  return value === "1";
}

/**
 * The reason that an adapter is not used: with `LOWRANK_REQUIRE_HARDWARE=1`, that it is software or
 * missing.
 *
 * @throws {RangeError} when the variable has another value than 0 or 1.
 */
export function refusalOf(adapter: GPUAdapter | undefined): string | undefined {
  if (!requiresHardware() || (adapter && !isSoftwareAdapter(adapter.info))) return undefined;
  const found = adapter ? `${adapterName(adapter.info)}, which is software` : "no adapter";
  return `${variable}=1 needs a hardware GPU, found ${found}: unset it, or ask for the cpu (--device cpu)`;
}

/**
 * The adapter, if it may be used.
 *
 * @throws {DeviceError} when `LOWRANK_REQUIRE_HARDWARE=1` and it is software or missing.
 */
export async function findUsableAdapter(): Promise<GPUAdapter | undefined> {
  const adapter = await findAdapter(), refusal = refusalOf(adapter);
  if (refusal) throw new DeviceError(refusal);
  return adapter;
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
    const enablesSubgroups = adapter.features.has("subgroups");
    const subgroupSize = fixedSubgroupSize(adapter.info);
    return { gpu, traits: { software, subgroupSize, enablesSubgroups } };
  } catch {
    const gpu = await adapter.requestDevice({ label, requiredFeatures: clock, requiredLimits });
    return { gpu, traits: { software, subgroupSize: 0 } };
  }
}

function fixedSubgroupSize({ subgroupMinSize, subgroupMaxSize }: AdapterInfo): number {
  return subgroupMinSize === subgroupMaxSize ? subgroupMinSize ?? 0 : 0;
}
