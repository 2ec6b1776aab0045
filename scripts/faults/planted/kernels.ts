/** Faults of the kernels and of the devices that run them. @module */

import { type Fault, fault } from "../fault.ts";

/** Faults in WGSL, AssemblyScript and TypeScript. */
export const kernelFaults: readonly Fault[] = [
  fault(
    "the second pair of a product on WebGPU has as many terms as the first",
    "kernels/matmul/matmul.wgsl",
    "addTerms(ofA2, ofB2, s.k2, top, left, thread);",
    "addTerms(ofA2, ofB2, s.k, top, left, thread);",
  ),
  fault(
    "causal attention on WebGPU forgets the tokens in the cache",
    "kernels/attention/forward.wgsl",
    "s.past + queries + 1u",
    "queries + 1u",
  ),
  fault(
    "cross-entropy on WebGPU joins shares that other threads have not written yet",
    "kernels/cross_entropy/forward.wgsl",
    "  shares[lane] = shareOf(at, lane % threads);\n  workgroupBarrier();",
    "  shares[lane] = shareOf(at, lane % threads);",
  ),
  fault(
    "the gradient of a layer norm's weight on WebGPU leaves out rows beyond the 64th",
    "kernels/layer_norm/backward_parameters.wgsl",
    "start += 4u * blockRows",
    "start += 8u * blockRows",
  ),
  fault(
    "a product on the CPU forgets all but its last 256 terms",
    "kernels/matmul/gemm.as.ts",
    "const keep = first ? held : 1;",
    "const keep = held;",
  ),
  fault(
    "sampling on the CPU leaves out the last of the most likely tokens",
    "kernels/choose_token/choose_token.as.ts",
    "keyAt(from, j) < least",
    "keyAt(from, j) <= least",
  ),
  fault(
    "a mask on the CPU hides keys from half of the queries",
    "kernels/attention/softmax.as.ts",
    "      v128.store(scores + key * ROW, hidden, 16);\n",
    "",
  ),
  fault(
    "the offset of 8-bit scales on the CPU is the last one of a whole block",
    "kernels/four_bit/four_bit.as.ts",
    "(count + 255) >> 8",
    "count >> 8",
  ),
  fault(
    "the definition of layer norm has the variance of a sample",
    "kernels/layer_norm/kernel.ts",
    "squares / width + epsilon",
    "squares / (width - 1) + epsilon",
  ),
  fault(
    "a launch of attention may read a cache beyond its end",
    "kernels/attention/kernel.ts",
    "(s.batch - 1) * s.kvRows + s.keys : 0",
    "s.batch * s.keys : 0",
  ),
  fault(
    "launches on WebGPU overwrite the scalars of those before them",
    "src/device/webgpu/recorder.ts",
    "    if (this.#scalars.full) this.submit();\n",
    "",
  ),
  fault(
    "free memory on the CPU is not joined with what is free before it",
    "src/device/cpu/cpu_device.ts",
    "    if (at > 0) this.#joinWithNext(at - 1);\n",
    "",
  ),
  fault(
    "a kernel that traps on a worker counts as done",
    "src/device/cpu/worker_program.ts",
    "      Atomics.store(control, flags.failed, 1);\n",
    "",
  ),
  fault(
    "an arena that does not fit keeps the buffers that did",
    "src/device/arena.ts",
    "      this[Symbol.dispose]();\n      throw error;",
    "      throw error;",
  ),
  fault(
    "BLAS reads the part of a transposed B from the wrong place",
    "src/blas/blas.ts",
    "begin * (transposeB ? bStride : 1)",
    "begin * (transposeA ? bStride : 1)",
  ),
];
