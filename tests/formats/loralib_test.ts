import { assertEquals, assertThrows } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { deltaWeight } from "../../src/adapt/mod.ts";
import { ShapeError } from "../../src/core/errors.ts";
import {
  type HostTensor,
  joinUpdates,
  loralibTensors,
  loralibUpdates,
  splitUpdate,
} from "../../src/formats/mod.ts";
import { matrix } from "./adapter_folders.ts";

/**
 * ΔW of loralib's `MergedLinear`, by its definition: a convolution of as many groups as parts are enabled,
 * whose rows go to those parts of a weight of zeros (`loralib/layers.py`, merge_AB and zero_pad).
 */
function mergedDelta(A: HostTensor, B: HostTensor, enabled: readonly boolean[], scaling: number) {
  const groups = enabled.filter(Boolean).length, [rows, rank] = B.shape, width = A.shape[1];
  const count = rows / groups, data = new Float32Array(enabled.length * count * width);
  let group = 0;
  enabled.forEach((isEnabled, part) => {
    if (!isEnabled) return;
    for (let i = 0; i < count; i++) {
      for (let j = 0; j < width; j++) {
        let sum = 0;
        for (let r = 0; r < rank; r++) {
          sum += B.data[(group * count + i) * rank + r] * A.data[(group * rank + r) * width + j];
        }
        data[(part * count + i) * width + j] = scaling * sum;
      }
    }
    group++;
  });
  return { shape: [enabled.length * count, width], data };
}

const choices = fc.array(fc.boolean(), { minLength: 2, maxLength: 4 }).filter((e) =>
  e.includes(true)
);

Deno.test("a MergedLinear has the ΔW of its definition, as PEFT's form of n times the rank too", () => {
  fc.assert(
    fc.property(choices, fc.integer({ min: 1, max: 3 }), (enabled, rank) => {
      const groups = enabled.filter(Boolean).length, A = matrix(groups * rank, 4);
      const B = matrix(groups * 2, rank), module = "h.0.attn.c_attn";
      const tensors = new Map([[`${module}.lora_A`, A], [`${module}.lora_B`, B]]);
      const updates = loralibUpdates(tensors, 0.5, { enabled }), joined = joinUpdates(updates);
      assertEquals(joined.A.shape, [groups * rank, 4]);
      assertEquals(deltaWeight(joined), mergedDelta(A, B, enabled, 0.5));
      assertEquals(loralibTensors(updates, { enabled }), tensors);
      const sites = updates.map(({ rows, outputs }) => ({ module, rows, outputs }));
      assertEquals(loralibTensors(splitUpdate(joined, sites)!, { enabled }), tensors);
    }),
    { numRuns: 60, seed: 3 },
  );
});

Deno.test("a Linear stays one update beside a MergedLinear", () => {
  const tensors = new Map([
    ["attn.lora_A", matrix(4, 3)],
    ["attn.lora_B", matrix(4, 2)],
    ["mlp.lora_A", matrix(2, 3)],
    ["mlp.lora_B", matrix(5, 2)],
  ]);
  const enabled = [true, false, true], updates = loralibUpdates(tensors, 1, { enabled });
  assertEquals(updates.map(({ module, rows }) => [module, rows]), [
    ["attn", { start: 0, count: 2 }],
    ["attn", { start: 4, count: 2 }],
    ["mlp", undefined],
  ]);
  assertEquals(loralibTensors(updates, { enabled }), tensors);
});

Deno.test("what loralib cannot hold is refused", () => {
  const odd = new Map([["c.lora_A", matrix(4, 3)], ["c.lora_B", matrix(5, 2)]]);
  const enabled = [true, false, true];
  assertThrows(
    () => loralibUpdates(odd, 1, { enabled }),
    ShapeError,
    "B of c must have rows for 2 parts, found 5",
  );
  const update = { module: "c", A: matrix(1, 3), B: matrix(2, 1), scaling: 1 };
  const query = { ...update, rows: { start: 0, count: 2 }, outputs: 6 };
  assertThrows(
    () => loralibTensors([query], { enabled }),
    ShapeError,
    "the updates of c must have one rank and the rows of the enabled parts, found rows 0 of rank 1",
  );
  assertThrows(
    () => loralibTensors([update, { ...update, module: "d", scaling: 2 }]),
    RangeError,
    "must have one scaling, found 1 and 2",
  );
});
