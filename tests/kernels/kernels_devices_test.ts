/** Every kernel on every device against its float64 reference. */

import { assert, assertEquals } from "@std/assert";
import * as kernels from "../../kernels/mod.ts";
import { isForBlas } from "../../src/device/cpu/products.ts";
import { testOn } from "../support/devices.ts";
import { casesByKernel, kernelCases } from "./cases.ts";
import { largeCases } from "./cases/large.ts";
import {
  assertSameBits,
  checksOf,
  cpuWith,
  hasVariant,
  isShared,
  kernelDevices,
  ownCpu,
  tunedDevices,
  withoutVariants,
} from "./devices.ts";
import type { KernelCase } from "./kernel_case.ts";

Deno.test("the case table has every kernel", () => {
  const names = Object.values(kernels)
    .flatMap((value) => typeof value === "object" && "wgsl" in value ? [value.name] : []);
  assertEquals([...casesByKernel.keys()].sort(), names.sort());
});

await testOn(kernelDevices, checksOf(kernelCases));
await testOn(
  [ownCpu],
  checksOf(largeCases).map((check) => ({ ...check, name: `large: ${check.name}` })),
);

// Wider heads take a program of their own, which compiles for two seconds: the nightly sweep has them.
const isNarrow = ({ scalars: { headWidth = 0 } }: KernelCase): boolean => headWidth <= 64;

await testOn(
  [withoutVariants],
  checksOf(kernelCases.filter((trial) => hasVariant(trial.kernel) && isNarrow(trial))),
);

const products = kernelCases.filter(({ kernel }) => /^matmul(_b?f16)?$/.test(kernel.name));
const attention = [...kernelCases, ...largeCases]
  .filter(({ kernel }) => kernel.name.startsWith("attention"));
await testOn([cpuWith(2, true)], checksOf([...products, ...attention]));

// The storage types of B share all that the programs differ in.
await testOn(tunedDevices, checksOf(products.filter(({ kernel }) => kernel === kernels.matmul)));

Deno.test("each product has cases that BLAS gets, and others", () => {
  for (const [name, own] of Map.groupBy(products, ({ kernel }) => kernel.name)) {
    const taken = own.filter(({ kernel, scalars }) => isForBlas(kernel, scalars));
    assert(taken.length >= 2 && taken.length < own.length, `${name}: ${taken.length}`);
  }
});

Deno.test("cpu: 1, 2 and 4 threads give the same bits of the launches that they share", async () => {
  const shared = [...kernelCases, ...largeCases].filter(isShared);
  assert(shared.length > 300, `${shared.length} launches are shared`);
  await assertSameBits(shared);
});
