/** The devices on which kernels are checked, and the checks made of cases. @module */

import { assert } from "@std/assert";
import type { AdapterTraits, Kernel } from "../../kernels/kernel.ts";
import { productPrograms } from "../../kernels/matmul/kernel.ts";
import type { HostData } from "../../src/core/tensor.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { findUsableAdapter, requestDevice } from "../../src/device/webgpu/adapter.ts";
import { WebgpuDevice } from "../../src/device/webgpu/webgpu_device.ts";
import { type Check, coreDevices, type TestedDevice, webgpu } from "../support/devices.ts";
import { blasAvailable } from "../../scripts/support/parts.ts";
import { type KernelCase, launchCase, runCase, startsOf } from "./kernel_case.ts";

const [reference, cpu] = coreDevices;

/** The CPU device with a BLAS or with our own products alone. */
export const cpuWith = (threads: number, blas: boolean): TestedDevice => ({
  ...cpu,
  name: `cpu, ${threads} threads, ${blas ? "with BLAS" : "without BLAS"}`,
  ...blas && { tier: "parts", available: blasAvailable },
  open: () => openCpuDevice({ threads, blas }),
});

/** The CPU device with our own products. */
export const ownCpu: TestedDevice = { ...cpuWith(2, false), name: "cpu" };

/** Every device, with our own products on the CPU. */
export const kernelDevices: readonly TestedDevice[] = [reference, ownCpu, webgpu];

/** An adapter without subgroups, as those of hardware are. */
export const plainAdapter: AdapterTraits = { software: false, subgroupSize: 0 };

/** An adapter on which one program was the fastest for every product. */
export const tunedTo = (program: string): AdapterTraits => ({
  ...plainAdapter,
  fastestProduct: () => program,
});

const webgpuAs = (name: string, traits: AdapterTraits): TestedDevice => ({
  ...webgpu,
  name: `webgpu ${name}`,
  open: async () => {
    const { gpu } = await requestDevice((await findUsableAdapter())!);
    return new WebgpuDevice({ gpu, traits }, name);
  },
});

/** The adapter at hand without variants of kernels, which any but the software one has. */
export const withoutVariants: TestedDevice = webgpuAs("without variants", plainAdapter);

/** The adapter at hand with one program for all products, for each that is not that of {@link withoutVariants}. */
export const tunedDevices: readonly TestedDevice[] = productPrograms(plainAdapter).slice(1)
  .map((program) => webgpuAs(`with products ${program}`, tunedTo(program)));

/** True for a kernel that has another program without subgroups. */
export const hasVariant = ({ wgsl }: Kernel): boolean => wgsl.variant !== undefined;

/** A check of each kernel on all of its cases. */
export function checksOf(cases: readonly KernelCase[]): Check[] {
  const byKernel = Map.groupBy(cases, ({ kernel }) => kernel.name);
  return [...byKernel].map(([name, own]) => ({
    name: `${name} is within its error bound`,
    run: async (device) => {
      for (const trial of own) await runCase(device, trial);
    },
  }));
}

/** Fails unless 1, 2 and 4 threads of the CPU, without BLAS, give the same bits. */
export async function assertSameBits(cases: readonly KernelCase[]): Promise<void> {
  using one = await openCpuDevice({ threads: 1, blas: false });
  using two = await openCpuDevice({ threads: 2, blas: false });
  using four = await openCpuDevice({ threads: 4, blas: false });
  for (const trial of cases) {
    const before = startsOf(trial), what = `${trial.kernel.name}, ${trial.name}`;
    const expected = bitsOf(await launchCase(one, trial, before));
    assert(sameBits(bitsOf(await launchCase(two, trial, before)), expected), `2 threads: ${what}`);
    assert(sameBits(bitsOf(await launchCase(four, trial, before)), expected), `4 threads: ${what}`);
  }
}

const bitsOf = (buffers: Record<string, HostData>): Uint16Array[] =>
  Object.values(buffers).map(({ buffer, byteLength }) =>
    new Uint16Array(buffer, 0, byteLength / 2)
  );

const sameBits = (actual: Uint16Array[], expected: Uint16Array[]): boolean =>
  expected.every((bits, at) => bits.every((word, index) => word === actual[at][index]));

/** True if the CPU's threads share a launch. */
export const isShared = ({ kernel: { cpu }, scalars }: KernelCase): boolean =>
  cpu.units(scalars) >= 2 * cpu.grain(scalars);
