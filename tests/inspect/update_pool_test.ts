/** Many updates, on all processors. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import "../support/open_lapack.ts";
import { Random } from "../../src/core/random.ts";
import { compareUpdates, describeUpdate } from "../../src/inspect/mod.ts";
import { UpdatePool } from "../../src/inspect/update_pool.ts";
import { truncateUpdate } from "../../src/analysis/mod.ts";

function update(seed: number, rank: number, size: number) {
  const random = new Random(seed),
    values = () => Float32Array.from({ length: rank * size }, () => random.normal());
  const A = { shape: [rank, size], data: values() }, B = { shape: [size, rank], data: values() };
  return { module: `layer.${seed}`, A, B, scaling: 0.5 };
}

/** More than it takes until workers are started. */
const many = Array.from({ length: 24 }, (_, seed) => update(seed, 64, seed % 2 ? 4096 : 3000));

/** What a pool may take. */
const copies = (...updates: (typeof many)[number][]) => structuredClone(updates);

Deno.test("rows of workers are those of one thread, to the bit and in order", async () => {
  using pool = new UpdatePool("describe");
  for (const one of many) await pool.add(copies(one), { error: 0.1 });
  const rows = await pool.finish();
  assertEquals(rows, many.map((one) => describeUpdate(one, { error: 0.1 })));
});

Deno.test("so are cuts and comparisons", async () => {
  using cuts = new UpdatePool("cut"), comparisons = new UpdatePool("compare");
  const others = many.map((one, seed) => ({ ...one, A: many[(seed + 2) % many.length].A }));
  for (const one of many) await cuts.add(copies(one), { rank: 8 });
  for (const [i, one] of many.entries()) await comparisons.add(copies(one, others[i]), "A");
  assertEquals(await cuts.finish(), many.map((one) => truncateUpdate(one, 8)));
  assertEquals(await comparisons.finish(), compareUpdates(many, others, "A"));
});

Deno.test("an update that a worker cannot describe fails as it does without", async () => {
  const broken = update(99, 64, 3000);
  broken.B.data[7] = NaN;
  using pool = new UpdatePool("describe");
  const all = async () => {
    for (const one of [...many.slice(0, 18), broken, ...many.slice(18)]) {
      await pool.add(copies(one), {});
    }
    await pool.finish();
  };
  await assertRejects(all, RangeError, "layer.99");
});

Deno.test("workers take the memory of updates", async () => {
  using pool = new UpdatePool("describe");
  let taken = false;
  for (let i = 0; i < 500 && !taken; i++) { // this thread does them until a worker has started
    const [one] = copies(many[0]);
    await pool.add([one], {});
    taken = one.A.data.length === 0 && one.B.data.length === 0;
  }
  assert(taken);
  await pool.finish();
});
