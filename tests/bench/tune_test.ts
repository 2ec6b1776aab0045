/** The search of `deno task tune` with a clock that is given, and its file; nothing is timed here. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { allProducts, fastestFor, layerProducts } from "../../bench/tune.ts";
import { isProductProgram, productPrograms } from "../../kernels/matmul/kernel.ts";
import { checkTuned, nearestProduct } from "../../src/device/webgpu/tuned.ts";

const size = { m: 128, n: 8, k: 768, transposeA: 0, transposeB: 1 };

/** A clock whose programs take given times, in turn. */
const clockOf =
  (times: Record<string, number[]>, ran: string[] = []) => (_: unknown, program: string) => {
    ran.push(program);
    return Promise.resolve(times[program].shift()!);
  };

Deno.test("the products of a layer are those of both passes, each once", () => {
  const flops = ({ m, n, k }: typeof size) => m * n * k;
  assertEquals(layerProducts(5, 7, 2).map(flops), [245, 70, 70, 245, 70, 70, 245, 70, 70]);
  const all = allProducts({ widths: [7], tokens: [5, 6], ranks: [2, 3] });
  assertEquals(all.length, 2 * (3 + 2 * 6));
  assertEquals(new Set(all.map((one) => JSON.stringify(one))).size, all.length);
});

Deno.test("the program of the least time is kept, of all rounds", async () => {
  const clock = clockOf({ tiled: [3, 3], direct: [9, 2] });
  const { program, times } = await fastestFor(size, ["tiled", "direct"], 2, clock);
  assertEquals({ program, times }, { program: "direct", times: { tiled: 3, direct: 2 } });
});

Deno.test("the first program stays where another is hardly faster", async () => {
  const clock = clockOf({ tiled: [3], direct: [2.9] });
  assertEquals((await fastestFor(size, ["tiled", "direct"], 1, clock)).program, "tiled");
});

Deno.test("rounds go to and fro, without programs that are hopeless", async () => {
  const ran: string[] = [];
  await fastestFor(size, ["a", "b", "c"], 3, clockOf({ a: [1, 1, 1], b: [2, 2, 2], c: [4] }, ran));
  assertEquals(ran.join(""), "abc" + "ba" + "ab");
});

const tuned = (change: object = {}) => ({ ...size, program: "tiled", ...change });

Deno.test("a product takes the program of the nearest one of its layout", () => {
  const fastest = nearestProduct([
    tuned(),
    tuned({ m: 1024, program: "direct 8 x 8" }),
    tuned({ transposeB: 0, program: "direct 32 x 8" }),
  ]);
  assertEquals(fastest({ ...size, m: 100, n: 16 }), "tiled");
  assertEquals(fastest({ ...size, m: 700 }), "direct 8 x 8");
  assertEquals(fastest({ ...size, transposeB: 0 }), "direct 32 x 8");
  assertEquals(fastest({ ...size, transposeA: 1 }), undefined);
  assertEquals(fastest({ ...size, k: 0 }), "tiled");
});

Deno.test("a file of other measurements is refused by the adapter's name", () => {
  assertEquals(checkTuned("t.json", { gpu: [tuned()] }), { gpu: [tuned()] });
  const wrong = [
    tuned({ program: "fast" }),
    tuned({ m: 0 }),
    tuned({ n: 1.5 }),
    tuned({ transposeA: 2 }),
    null,
  ];
  for (const product of wrong) {
    assertThrows(
      () => checkTuned("t.json", { gpu: [product] }),
      RangeError,
      "t.json must have for each adapter the products that deno task tune writes, found others: gpu",
    );
  }
  assertThrows(() => checkTuned("t.json", []), RangeError, "found others: []");
});

Deno.test("every adapter has programs of known names, software with subgroups one more", () => {
  const plain = productPrograms({ software: false, subgroupSize: 0 });
  const software = productPrograms({ software: true, subgroupSize: 8 });
  assertEquals(software, ["subgroup", ...plain]);
  assert(software.every(isProductProgram));
  assertEquals(plain[0], "tiled");
});
