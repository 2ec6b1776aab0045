/** Kernels at every shape, in every layout, on every device and number of threads. */

import { testOn, webgpu } from "../support/devices.ts";
import { kernelCases } from "./cases.ts";
import { attentionCases } from "./cases/attention.ts";
import { packedCases } from "./cases/attention_packed.ts";
import { largeCases } from "./cases/large.ts";
import { matmulCase, matmulSweep } from "./cases/matmul.ts";
import { matmulHalfSweep } from "./cases/matmul_half.ts";
import { punicaCases } from "./cases/segment_product.ts";
import {
  assertSameBits,
  checksOf,
  cpuWith,
  kernelDevices,
  ownCpu,
  withoutVariants,
} from "./devices.ts";
import { runCase } from "./kernel_case.ts";

const sweep = [...matmulSweep, ...matmulHalfSweep];

await testOn([...kernelDevices, withoutVariants], checksOf(sweep));
await testOn([withoutVariants], checksOf([...attentionCases, ...packedCases]));

/** Shapes that BLAS gets, with parts for several threads, and thin ones of adapters. */
const shapes: readonly (readonly [number, number, number])[] = [
  [32, 32, 32],
  [130, 127, 129],
  [301, 70, 160],
  [70, 301, 160],
  [5, 500, 300],
  [500, 8, 256],
  [500, 256, 8],
  [600, 128, 4],
];

const variants = [
  {},
  { accumulate: 1, alpha: 0.5, padding: 1 },
  { hasBias: 1, alpha: -2.5, padding: 3 },
  { hasBias: 1, accumulate: 1 },
  { hasBias: 1, alpha: 0.5, padding: 1, k2: 8 },
];

const products = shapes.flatMap(([m, n, k]) =>
  [0, 1].flatMap((transposeA) =>
    [0, 1].flatMap((transposeB) =>
      variants.map((variant) => matmulCase(m, n, k, { transposeA, transposeB, ...variant }))
    )
  )
);

const cpus = [true, false].flatMap((blas) => [1, 2, 3].map((threads) => cpuWith(threads, blas)));
await testOn(cpus, checksOf(products));
await testOn([cpuWith(2, true)], checksOf([...sweep, ...largeCases]));

Deno.test("cpu: 1, 2 and 4 threads give the same bits of every launch", () =>
  assertSameBits([...kernelCases, ...largeCases, ...sweep]));

/** Punica's own widths; the narrow ones are with the other cases. */
await testOn(
  [ownCpu, webgpu],
  [4096, 11008].map((width) => ({
    name: `segment_product at Punica's ranks and batches, width ${width}`,
    run: async (device) => {
      for (const trial of punicaCases([width])) await runCase(device, trial);
    },
  })),
);
