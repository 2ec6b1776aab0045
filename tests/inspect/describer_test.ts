/** Many updates, described on all processors. */

import { assertEquals, assertRejects } from "@std/assert";
import "../support/open_lapack.ts";
import { Random } from "../../src/core/random.ts";
import { Describer } from "../../src/inspect/describer.ts";
import { describeUpdate } from "../../src/inspect/mod.ts";

function update(seed: number, rank: number, size: number) {
  const random = new Random(seed),
    values = () => Float32Array.from({ length: rank * size }, () => random.normal());
  const A = { shape: [rank, size], data: values() }, B = { shape: [size, rank], data: values() };
  return { module: `layer.${seed}`, A, B, scaling: 0.5 };
}

/** More than it takes until workers are started. */
const many = Array.from({ length: 24 }, (_, seed) => update(seed, 64, seed % 2 ? 4096 : 3000));

Deno.test("rows of workers are those of one thread, to the bit and in order", async () => {
  using describer = new Describer({ error: 0.1 });
  for (const one of many) await describer.add(one);
  const rows = await describer.finish();
  assertEquals(rows, many.map((one) => describeUpdate(one, { error: 0.1 })));
});

Deno.test("an update that a worker cannot describe fails as it does without", async () => {
  const broken = update(99, 64, 3000);
  broken.B.data[7] = NaN;
  using describer = new Describer({});
  const all = async () => {
    for (const one of [...many.slice(0, 18), broken, ...many.slice(18)]) await describer.add(one);
    await describer.finish();
  };
  await assertRejects(all, RangeError, "layer.99");
});
