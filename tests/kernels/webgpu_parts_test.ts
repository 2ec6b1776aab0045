/** Every kernel in WGSL against its float64 reference. */

import type { Kernel } from "../../kernels/kernel.ts";
import { openWebgpuDevice } from "../../src/device/webgpu/webgpu_device.ts";
import { webgpuAvailable } from "../support/parts.ts";
import { casesByKernel } from "./cases.ts";
import { nonFiniteChecks, runNonFiniteCheck } from "./non_finite.ts";
import { type KernelCase, runCase } from "./kernel_case.ts";

const ignore = !await webgpuAvailable();

const plainKernels = new Map<Kernel, Kernel>();

function test(name: string, cases: readonly KernelCase[]): void {
  Deno.test({
    name: `webgpu: ${name} is within its error bound`,
    ignore,
    fn: async () => {
      using device = await openWebgpuDevice();
      for (const trial of cases) await runCase(device, trial);
    },
  });
}

for (const [name, cases] of casesByKernel) {
  test(name, cases);
  // The program for all other adapters than the one at hand.
  if (cases[0].kernel.wgsl.variant) {
    test(`${name} without its variant`, cases.map(withoutVariant));
  }
}

Deno.test({
  name: "webgpu: what is not finite stays so, and huge values do no harm",
  ignore,
  fn: async () => {
    using device = await openWebgpuDevice();
    for (const check of nonFiniteChecks) {
      await runNonFiniteCheck(device, check);
      if (check.kernel.wgsl.variant) await runNonFiniteCheck(device, withoutVariant(check));
    }
  },
});

/** The same in the program of all other adapters; one kernel for each, so that it is compiled once. */
function withoutVariant<T extends { readonly kernel: Kernel }>(trial: T): T {
  const { kernel } = trial;
  const plain = plainKernels.get(kernel) ??
    { ...kernel, wgsl: { ...kernel.wgsl, variant: undefined } };
  plainKernels.set(kernel, plain);
  return { ...trial, kernel: plain };
}
