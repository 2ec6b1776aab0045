import { assertEquals } from "@std/assert";
import { evaluate } from "../../src/accounting/mod.ts";
import { countFull, countLora } from "../../src/experiments/counting.ts";
import { gpt3Memory } from "../../src/experiments/memory.ts";

/** Closed formulas against the real code on the dry device, at GPT-3's size. */
Deno.test("GPT-3's parameters are those of the formulas, full and at every rank", () => {
  const d = 12288;
  const full = { n_voc: 50257, n_pos: 2048, d, L: 96 };
  assertEquals(BigInt(countFull()), evaluate("fullParameters", full));
  for (const r of [1, 4]) {
    assertEquals(BigInt(countLora(r)), evaluate("loraParameters", { n_W: 192, d, r }));
  }
});

Deno.test("bytes that outlive a step are 4 a frozen value and 16 a trained one", () => {
  const values = countFull(), trained = countLora(4);
  const stateBytes = (rank: number) => {
    const { weight, adapter, gradient, optimizer } = gpt3Memory(rank).byRole;
    return BigInt(weight + adapter + gradient + optimizer);
  };
  const bytes = (P_f: number, P_t: number) => evaluate("trainingBytesFp32", { P_f, P_t });
  assertEquals(stateBytes(0), bytes(0, values));
  assertEquals(stateBytes(4), bytes(values, trained));
});
