/** Cases of the kernel that widens F16. @module */

import { widen } from "../../../kernels/mod.ts";
import type { KernelCase } from "../kernel_case.ts";
import { awkward, integers } from "./values.ts";

/** Every bound is zero: an F16 value is an F32 value. */
function widenCase(name: string, x: Uint16Array): KernelCase {
  return {
    name,
    kernel: widen,
    buffers: { x, y: x.length },
    scalars: { size: x.length },
    bound: () => ({}),
  };
}

/** All of them. */
export const float16Cases: readonly KernelCase[] = [
  widenCase("every pattern of 16 bits", Uint16Array.from({ length: 65536 }, (_, bits) => bits)),
  ...[...awkward, 255, 1001, 40_001].map((size) =>
    widenCase(`${size} values`, Uint16Array.from(integers(size, size, 65536)))
  ),
];
