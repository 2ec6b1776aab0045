/** Compiled kernels. @module */

import type { AdapterTraits, Kernel, WgslProgram } from "../../../kernels/kernel.ts";
import type { ErrorLog } from "./error_log.ts";

/** A kernel with its constants, compiled. */
export interface Pipeline {
  /** Unique for as long as the device lives. */
  readonly id: number;
  /** WebGPU's pipeline. */
  readonly pipeline: GPUComputePipeline;
  /** The layout of its only bind group. */
  readonly layout: GPUBindGroupLayout;
  /** The kernel that it runs. */
  readonly kernel: Kernel;
}

interface Compiled {
  readonly module: GPUShaderModule;
  readonly layout: GPUBindGroupLayout;
  readonly byConstants: Map<string, Pipeline>;
}

type Scalars = Readonly<Record<string, number>>;

/** Chooses a program for each launch on the adapter and compiles it once for each set of constants. */
export class Pipelines {
  readonly #device: GPUDevice;
  readonly #traits: AdapterTraits;
  readonly #errors: ErrorLog;
  readonly #programs = new Map<WgslProgram, Compiled>();
  #nextId = 0;

  /** Starts empty. */
  constructor(device: GPUDevice, traits: AdapterTraits, errors: ErrorLog) {
    this.#device = device;
    this.#traits = traits;
    this.#errors = errors;
  }

  /** The program of a kernel for a launch on this adapter. */
  program({ wgsl }: Kernel, scalars: Scalars): WgslProgram {
    return wgsl.variant?.(this.#traits, scalars) ?? wgsl;
  }

  /** The pipeline for a launch by a program of the kernel. */
  get(kernel: Kernel, program: WgslProgram, scalars: Scalars): Pipeline {
    const compiled = this.#compiled(kernel, program);
    const constants = program.constants?.(scalars) ?? {};
    const key = JSON.stringify(constants);
    const found = compiled.byConstants.get(key);
    if (found) return found;
    const made = this.#guard(kernel, () => this.#create(kernel, compiled, constants));
    compiled.byConstants.set(key, made);
    return made;
  }

  /**
   * Launches a pipeline with no workgroups, as some drivers postpone compilation until the first
   * launch.
   */
  warm({ kernel, pipeline, layout }: Pipeline): void {
    const buffers = layoutEntries(kernel).map(({ buffer }) =>
      this.#device.createBuffer({ label: "nothing", size: 256, usage: usageOf(buffer!) })
    );
    const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
    this.#guard(kernel, () => {
      const encoder = this.#device.createCommandEncoder(), pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, this.#device.createBindGroup({ layout, entries }), [0]);
      pass.dispatchWorkgroups(0);
      pass.end();
      this.#device.queue.submit([encoder.finish()]);
    });
    for (const buffer of buffers) buffer.destroy();
  }

  #create(kernel: Kernel, compiled: Compiled, constants: Record<string, number>): Pipeline {
    const { module, layout } = compiled, label = kernel.name;
    const pipeline = this.#device.createComputePipeline({
      label,
      layout: this.#device.createPipelineLayout({ label, bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: "main", constants },
    });
    return { id: this.#nextId++, pipeline, layout, kernel };
  }

  #compiled(kernel: Kernel, program: WgslProgram): Compiled {
    const found = this.#programs.get(program);
    if (found) return found;
    const label = kernel.name;
    const made = this.#guard(kernel, () => ({
      module: this.#device.createShaderModule({ label, code: shaderText(program, this.#traits) }),
      layout: this.#device.createBindGroupLayout({ label, entries: layoutEntries(kernel) }),
      byConstants: new Map<string, Pipeline>(),
    }));
    this.#programs.set(program, made);
    return made;
  }

  #guard<T>(kernel: Kernel, action: () => T): T {
    return this.#errors.guard(() => `while compiling ${kernel.name}`, action);
  }
}

/** The text that the adapter's compiler takes for a program. */
export function shaderText({ code }: WgslProgram, { enablesSubgroups }: AdapterTraits): string {
  return enablesSubgroups && code.includes("subgroup") ? `enable subgroups;\n${code}` : code;
}

/** Bytes of a kernel's scalars, a multiple of 16. */
export function scalarBytes(kernel: Kernel): number {
  return Math.ceil(Object.keys(kernel.scalars).length / 4) * 16;
}

function usageOf({ type }: GPUBufferBindingLayout): GPUBufferUsageFlags {
  return type === "uniform" ? GPUBufferUsage.UNIFORM : GPUBufferUsage.STORAGE;
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
