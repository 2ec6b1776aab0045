/** Compiled kernels. @module */

import type { Kernel } from "../../../kernels/kernel.ts";
import type { ErrorLog } from "./error_log.ts";

/** A kernel with its constants, compiled. */
export interface Pipeline {
  /** Unique for as long as the device lives. */
  readonly id: number;
  /** WebGPU's pipeline. */
  readonly pipeline: GPUComputePipeline;
  /** The layout of its only bind group. */
  readonly layout: GPUBindGroupLayout;
}

interface Compiled {
  readonly module: GPUShaderModule;
  readonly layout: GPUBindGroupLayout;
  readonly byConstants: Map<string, Pipeline>;
}

type Scalars = Readonly<Record<string, number>>;

/** Compiles each kernel once for each set of constants. */
export class Pipelines {
  readonly #device: GPUDevice;
  readonly #errors: ErrorLog;
  readonly #kernels = new Map<Kernel, Compiled>();
  #nextId = 0;

  /** Starts empty. */
  constructor(device: GPUDevice, errors: ErrorLog) {
    this.#device = device;
    this.#errors = errors;
  }

  /** The pipeline for a launch. */
  get(kernel: Kernel, scalars: Scalars): Pipeline {
    const constants = kernel.wgsl.constants?.(scalars) ?? {};
    const key = JSON.stringify(constants);
    const found = this.#kernels.get(kernel)?.byConstants.get(key);
    if (found) return found;
    return this.#errors.guard(
      () => `while compiling ${kernel.name}`,
      () => this.#create(kernel, key, constants),
    );
  }

  #create(kernel: Kernel, key: string, constants: Record<string, number>): Pipeline {
    const { module, layout, byConstants } = this.#compiled(kernel);
    const pipeline = this.#device.createComputePipeline({
      label: kernel.name,
      layout: this.#device.createPipelineLayout({
        label: kernel.name,
        bindGroupLayouts: [layout],
      }),
      compute: { module, entryPoint: "main", constants },
    });
    const made = { id: this.#nextId++, pipeline, layout };
    byConstants.set(key, made);
    return made;
  }

  #compiled(kernel: Kernel): Compiled {
    const found = this.#kernels.get(kernel);
    if (found) return found;
    const label = kernel.name;
    const module = this.#device.createShaderModule({ label, code: kernel.wgsl.code });
    const layout = this.#device.createBindGroupLayout({ label, entries: layoutEntries(kernel) });
    const made = { module, layout, byConstants: new Map<string, Pipeline>() };
    this.#kernels.set(kernel, made);
    return made;
  }
}

/** Bytes of a kernel's scalars, a multiple of 16. */
export function scalarBytes(kernel: Kernel): number {
  return Math.ceil(Object.keys(kernel.scalars).length / 4) * 16;
}

/** The buffers in the order of the signature, then the scalars at a dynamic offset. */
function layoutEntries(kernel: Kernel): GPUBindGroupLayoutEntry[] {
  const visibility = GPUShaderStage.COMPUTE;
  const buffers: GPUBufferBindingLayout[] = Object.values(kernel.bindings).map(({ access }) => ({
    type: access === "read" ? "read-only-storage" : "storage",
  }));
  buffers.push({ type: "uniform", hasDynamicOffset: true, minBindingSize: scalarBytes(kernel) });
  return buffers.map((buffer, binding) => ({ binding, visibility, buffer }));
}
