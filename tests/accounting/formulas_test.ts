import { assertEquals } from "@std/assert";
import { lowRankParameters, trainingBytesAdam } from "../../src/accounting/mod.ts";
import { countFull, countLora } from "../../src/experiments/counting.ts";
import { gpt3Memory } from "../../src/experiments/memory.ts";

/** Closed formulas against the real code on the dry device, at GPT-3's size. */
Deno.test("GPT-3's low-rank parameters are those of the formula at every rank", () => {
  const sites = 96 * 2, width = 12288;
  for (const rank of [1, 4]) {
    assertEquals(countLora(rank), sites * lowRankParameters(rank, width, width));
  }
});

Deno.test("bytes that outlive a step are 4 a frozen value and 16 a trained one", () => {
  const values = countFull(), trained = countLora(4);
  const stateBytes = (rank: number) => {
    const { weight, adapter, gradient, optimizer } = gpt3Memory(rank).byRole;
    return weight + adapter + gradient + optimizer;
  };
  assertEquals(stateBytes(0), trainingBytesAdam(0, values));
  assertEquals(stateBytes(4), trainingBytesAdam(values, trained));
});
