/** The search of `deno task tune` with a clock that is given, and its file; nothing is timed here. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { allProducts, fastestFor, layerProducts, mergedProducts } from "../../bench/tune.ts";
import { isProductProgram, productPrograms } from "../../kernels/matmul/kernel.ts";
import { checkTuned, nearestProduct } from "../../src/device/webgpu/tuned.ts";

const size = { m: 128, n: 8, k: 768, transposeA: 0, transposeB: 1 };

const tuned = (change: object = {}) => ({ ...size, program: "tiled", ...change });

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
  const found = await fastestFor(size, ["tiled", "direct"], 2, clock);
  const times = { tiled: 3, direct: 2 };
  assertEquals(found, { ...size, program: "direct", untuned: "tiled", times });
});

Deno.test("the untuned program stays where another is hardly faster", async () => {
  const clock = clockOf({ tiled: [3], direct: [2.9] });
  assertEquals((await fastestFor(size, ["tiled", "direct"], 1, clock)).program, "tiled");
});

Deno.test("the untuned program has all turns, however slow its first one was", async () => {
  const clock = clockOf({ tiled: [9, 1], direct: [2, 2] });
  assertEquals((await fastestFor(size, ["tiled", "direct"], 2, clock)).program, "tiled");
});

Deno.test("later products take the place of those of their size, others stay", () => {
  const [small, large] = [tuned(), tuned({ m: 1024 })], again = tuned({ program: "direct 8 x 8" });
  assertEquals(mergedProducts([small, large], [again]), [again, large]);
});

Deno.test("rounds go to and fro, without programs that are too slow", async () => {
  const ran: string[] = [];
  await fastestFor(size, ["a", "b", "c"], 3, clockOf({ a: [1, 1, 1], b: [2, 2, 2], c: [4] }, ran));
  assertEquals(ran.join(""), "abc" + "ba" + "ab");
});

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

Deno.test("a file of other measurements is refused by what is wrong and its adapter's name", () => {
  assertEquals(checkTuned("t.json", { gpu: [tuned()] }), { gpu: [tuned()] });
  const rule = "t.json must have for each adapter the products that deno task tune writes, found";
  const wrong = [{ program: "fast" }, { m: 0 }, { n: 1.5 }, { transposeA: 2 }];
  for (const product of [...wrong.map(tuned), null]) {
    const file = { gpu: [tuned(), product] };
    const found = `${rule} ${JSON.stringify(product)} of gpu`;
    assertThrows(() => checkTuned("t.json", file), RangeError, found);
  }
  assertThrows(() => checkTuned("t.json", { gpu: [] }), RangeError, `${rule} [] of gpu`);
  assertThrows(() => checkTuned("t.json", []), RangeError, `${rule} []`);
});

Deno.test("every adapter has programs of known names, software with subgroups one more", () => {
  const plain = productPrograms({ software: false, subgroupSize: 0 });
  const software = productPrograms({ software: true, subgroupSize: 8 });
  assertEquals(software, ["subgroup", ...plain]);
  assert(software.every(isProductProgram));
  assertEquals(plain[0], "tiled");
});
