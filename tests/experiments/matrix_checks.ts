/** The matrix experiment at a small width, on a device that binds a part of the matrix at once. @module */

import "../support/open_lapack.ts";
import { assert, assertEquals } from "@std/assert";
import type { Device } from "../../src/device/device.ts";
import { measureMatrix, rank } from "../../experiments/matrix/measure.ts";
import { gamma } from "../kernels/error_model.ts";
import { narrow } from "../support/narrow.ts";

const width = 320;

/** Values against float64, bits, bytes of each moment, and that nothing is left. */
export async function checkMatrix(device: Device): Promise<void> {
  const before = device.ledger.read().live;
  const result = await measureMatrix(narrow(device, 2 ** 17), width);
  assert(4 * width ** 2 > 3 * device.maxBindingBytes);
  assertEquals(device.ledger.read().live, before);
  assertEquals(result.changed, 0);
  // Sums of products below 1 / √width, in F32; the merged weight is rounded once more.
  const bound = gamma(width + 2 * rank + 8) * 2 * Math.sqrt(width);
  assert(result.error <= bound, `${result.error} from float64, allowed ${bound}`);
  assert(result.mergeError <= 2 * bound, `${result.mergeError} apart, allowed ${2 * bound}`);
  assert(result.mergeError > 0 && result.largest > 0.5, "a merge that rounds nothing was not run");
  const weight = 4 * width ** 2, adapter = 4 * 2 * rank * width;
  assertEquals(
    result.moments.map(({ label, reading }) => [label, reading.live - before]),
    [
      ["weight written", weight],
      ["forward, base", weight],
      ["forward, unmerged", weight + adapter],
      ["merge", 2 * weight + adapter],
      ["forward, merged", 2 * weight + adapter],
      ["unmerge", weight + adapter],
    ],
  );
}
