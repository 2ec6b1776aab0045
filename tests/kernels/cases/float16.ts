/** Cases of the kernels that widen F16 and BF16. @module */

import { type Kernel, widenBf16, widenF16 } from "../../../kernels/mod.ts";
import type { KernelCase } from "../kernel_case.ts";
import { awkward, integers } from "./values.ts";

/** Every bound is zero: a value of 16 bits is an F32 value. */
function widenCase(kernel: Kernel, name: string, x: Uint16Array): KernelCase {
  return {
    name,
    kernel,
    buffers: { x, y: x.length },
    scalars: { size: x.length },
    bound: () => ({}),
  };
}

/** All of them. */
export const float16Cases: readonly KernelCase[] = [widenF16, widenBf16].flatMap((kernel) => [
  widenCase(
    kernel,
    "every pattern of 16 bits",
    Uint16Array.from({ length: 65536 }, (_, bits) => bits),
  ),
  ...[...awkward, 255, 1001, 40_001].map((size) =>
    widenCase(kernel, `${size} values`, Uint16Array.from(integers(size, size, 65536)))
  ),
]);
