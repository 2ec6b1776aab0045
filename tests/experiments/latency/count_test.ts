/** Launches, operations and bytes of a pass, compared with formulas that can be checked by hand. */

import { assert, assertEquals } from "@std/assert";
import measured from "../../../experiments/latency/latency_medium.json" with { type: "json" };
import {
  countPasses,
  latencyLora,
  mediumShape,
  openVariants,
  smallShape,
} from "../../../experiments/latency/passes.ts";
import { openCpuDevice } from "../../../src/device/cpu/cpu_device.ts";
import { DryDevice } from "../../../src/device/dry.ts";
import { tracesOn } from "./traces.ts";

const { n_embd: d, n_layer: layers, vocab_size: vocabulary } = smallShape.config as Record<
  string,
  number
>;
const m = 10, batch = 2, length = 16, tokens = batch * length;

const [base, again, merged, unmerged, houlsby, lin] = countPasses(smallShape, [m], [batch, length]);

/** The difference between a count and the base's. */
const more = (count: typeof base) => ({
  launches: count.launches - base.launches,
  flops: count.flops - base.flops,
  bytes: count.bytes - base.bytes,
});

Deno.test("the base's operations are 2 a weight and token, and those of causal attention", () => {
  const products = tokens * (24 * layers * d * d + 2 * d * vocabulary);
  const attention = 4 * d * layers * batch * length * (length + 1) / 2;
  assertEquals(base.flops, products + attention);
});

Deno.test("merged LoRA asks exactly what the base asks, and what has more to do does not", () => {
  assertEquals(merged, base);
  assertEquals(again, base);
  assertEquals(base.differing, 0);
  for (const one of [unmerged, houlsby, lin]) assert(one.differing > 0);
});

Deno.test("the cpu device traces the launches that dry records, with BLAS and without", async () => {
  using dry = new DryDevice();
  const recorded = await tracesOn(dry, m, [batch, length]),
    [ofBase, , ofMerged, ofUnmerged] = recorded;
  assertEquals([ofMerged, ofBase.length], [ofBase, base.launches]);
  assertEquals(ofUnmerged.length, unmerged.launches);
  for (const blas of [true, false]) {
    using device = await openCpuDevice({ threads: 2, blas });
    assertEquals(await tracesOn(device, m, [batch, length]), recorded);
  }
});

Deno.test("the quoted counts of GPT-2 medium are those of today's code", () => {
  const cell = [1, 128] as const, counted = countPasses(mediumShape, [], cell);
  const rows = measured.rows.filter((row) => row.batch === cell[0] && row.length === cell[1]);
  const quoted = ["base", "base again", "merged", "unmerged"].map((model) => {
    const { launches, flops, bytes, differing } = rows.find((row) => row.model === model)!;
    return { launches, flops, bytes, differing };
  });
  assertEquals(counted, quoted);
});

Deno.test("unmerged LoRA adds two thin products a site", () => {
  const { launches, flops } = more(unmerged), sites = 2 * layers;
  assertEquals([launches, flops], [2 * sites, sites * tokens * 4 * latencyLora.rank * d]);
});

/** Elements that a bottleneck's products, activation and sum read and write. */
const bottleneckElements = tokens * d + m * d + m + tokens * m + // down
  2 * tokens * m + // activation
  tokens * m + m * d + d + tokens * d + // up
  3 * tokens * d; // sum

Deno.test("Houlsby's adapters add four launches a place, two places a layer", () => {
  const places = 2 * layers;
  assertEquals(more(houlsby), {
    launches: 4 * places,
    flops: places * tokens * 4 * m * d,
    bytes: 4 * places * bottleneckElements,
  });
});

Deno.test("Lin's add a norm to that, at one place a layer", () => {
  const { launches, flops, bytes } = more(lin);
  assertEquals([launches, flops], [5 * layers, layers * tokens * 4 * m * d]);
  const norm = 2 * tokens * d + 2 * d + 2 * tokens; // x, y, weight and bias, mean and 1/deviation
  assertEquals(bytes, 4 * layers * (bottleneckElements + norm));
});

Deno.test("the paper's shape is GPT-2 medium's to the parameter, and fits the cpu device's 4 GiB", () => {
  using device = new DryDevice();
  {
    using opened = openVariants(device, mediumShape, [10, 100, 250]);
    assertEquals(opened.models.length, 10);
    const [[, model]] = opened.models;
    const sizes = [...model.parameters.values()].map(({ size }) => size);
    assertEquals(sizes.reduce((sum, size) => sum + size, 0), 354_823_168);
    assertEquals(device.ledger.read().live < 2.5 * 2 ** 30, true);
  }
  assertEquals(device.ledger.read().live, 0);
});
