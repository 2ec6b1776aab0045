/** Choosing and opening a device. @module */

import { openBlas } from "../blas/mod.ts";
import { DeviceError } from "../core/errors.ts";
import { assertOptions } from "../core/checks.ts";
import { environmentVariable } from "../core/platform.ts";
import { defaultThreads, openCpuDevice } from "./cpu/cpu_device.ts";
import type { Device, DeviceKind } from "./device.ts";
import { DryDevice } from "./dry.ts";
import { ReferenceDevice } from "./reference.ts";
import {
  adapterName,
  findAdapter,
  findUsableAdapter,
  isSoftwareAdapter,
  refusalOf,
  requiresHardware,
} from "./webgpu/adapter.ts";

/** Options of {@link openDevice}. */
export interface OpenOptions {
  /**
   * Kind of the device. Default: the one that the environment variable `LOWRANK_DEVICE` names, or
   * else the best of this machine.
   */
  readonly kind?: DeviceKind;
  /** Threads of the `cpu` device. Default: one per processor, at most 8. */
  readonly threads?: number;
}

/** A device of this machine. */
export interface DeviceEntry {
  /** `cpu` or `webgpu`. */
  readonly kind: DeviceKind;
  /** Human-readable. */
  readonly name: string;
  /** True for a WebGPU adapter that runs on the CPU; it is opened only on request. */
  readonly software: boolean;
  /** Default number of threads; null for `webgpu`. */
  readonly threads: number | null;
  /** The BLAS that it uses, or null. */
  readonly blas: string | null;
  /** Optional features that it has. */
  readonly features: readonly string[];
}

/** The devices of this machine. */
export interface DeviceListing {
  /** The kind that {@link openDevice} opens by default. */
  readonly chosen: DeviceKind;
  /**
   * Reason for which {@link openDevice} would refuse to open it (`LOWRANK_REQUIRE_HARDWARE=1`), or
   * null.
   */
  readonly refusal: string | null;
  /** All devices that can be opened. */
  readonly devices: readonly DeviceEntry[];
}

const variable = "LOWRANK_DEVICE";

/** The device of a GPU, which the others do without. */
const webgpu = () => import("./webgpu/webgpu_device.ts");

/**
 * Opens a device: a hardware GPU if there is one, else the CPU. `description` says which and why.
 *
 * `kind`, or `LOWRANK_DEVICE=cpu|webgpu`, requires that device. A software WebGPU adapter, which is slower
 * than the `cpu` device, is opened only then. `LOWRANK_REQUIRE_HARDWARE=1` forbids it, and the CPU in
 * place of a GPU that was not asked for.
 *
 * In a browser the `cpu` device has one thread, and looks for `cpu.wasm` next to the bundle.
 *
 * @throws {DeviceError} when the requested device cannot be opened.
 * @throws {RangeError} when `threads` is not a positive integer up to 256, one of the variables is unknown, or
 * `LOWRANK_TUNED` names no file of `deno task tune` with this adapter.
 *
 * @example
 * ```ts
 * import { openDevice } from "@lowrank/core";
 *
 * using device = await openDevice();
 * console.log(device.description); // cpu, 8 threads, WebAssembly SIMD, OpenBLAS 0.3.29 SkylakeX (no hardware GPU found)
 * ```
 */
export async function openDevice(options: OpenOptions = {}): Promise<Device> {
  assertOptions("openDevice", options, { kind: true, threads: true });
  const { kind, threads } = options;
  switch (kind ?? kindFromEnvironment()) {
    case "webgpu":
      return await (await webgpu()).openWebgpuDevice();
    case "cpu":
      return await openCpuDevice({ threads });
    case "reference":
      return new ReferenceDevice();
    case "dry":
      return new DryDevice();
    case undefined:
      return await openBest(threads);
    default:
      throw new RangeError(`a device is webgpu, cpu, reference or dry, found ${kind}`);
  }
}

/** Lists the devices of this machine, and which kind {@link openDevice} opens by default. */
export async function listDevices(): Promise<DeviceListing> {
  const adapter = await findAdapter();
  const devices = [cpuEntry()];
  if (adapter) devices.unshift(adapterEntry(adapter));
  const best = adapter && !isSoftwareAdapter(adapter.info) ? "webgpu" : "cpu";
  const wanted = kindFromEnvironment();
  const refusal = wanted === "cpu" ? null : refusalOf(adapter) ?? null;
  return { chosen: wanted ?? best, refusal, devices };
}

/** Opens the hardware GPU, or the CPU with a note that says why. */
async function openBest(threads?: number): Promise<Device> {
  const adapter = await findUsableAdapter();
  if (!adapter || isSoftwareAdapter(adapter.info)) {
    return await openCpuDevice({ threads, note: "no hardware GPU found" });
  }
  try {
    return await (await webgpu()).openAdapter(adapter);
  } catch (error) {
    if (!(error instanceof DeviceError) || requiresHardware()) throw error;
    return await openCpuDevice({ threads, note: error.message });
  }
}

function kindFromEnvironment(): DeviceKind | undefined {
  const value = environmentVariable(variable) ?? "";
  if (value === "" || value === "auto") return undefined;
  if (value === "cpu" || value === "webgpu") return value;
  throw new RangeError(`${variable} must be auto, cpu or webgpu, found ${value}`);
}

function cpuEntry(): DeviceEntry {
  using blas = openBlas();
  return {
    kind: "cpu",
    name: "WebAssembly SIMD",
    software: false,
    threads: defaultThreads(),
    blas: blas?.name ?? null,
    features: ["simd", "relaxed-simd", "threads"],
  };
}

function adapterEntry(adapter: GPUAdapter): DeviceEntry {
  return {
    kind: "webgpu",
    name: adapterName(adapter.info),
    software: isSoftwareAdapter(adapter.info),
    threads: null,
    blas: null,
    features: [...adapter.features].sort(),
  };
}
