import { assertEquals } from "@std/assert";
import {
  catalogue,
  evaluate,
  loraCounts,
  type LoraSelection,
  modelTensors,
} from "../../src/accounting/mod.ts";
import { injectLora } from "../../src/adapt/mod.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { countFull, countLora } from "../../src/experiments/counting.ts";
import { gpt3Memory } from "../../src/experiments/memory.ts";
import { countTrainable, Gpt2, parseGpt2Config } from "../../src/models/mod.ts";

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

Deno.test("counted adapters are those that are injected", () => {
  const { config } = catalogue.gpt2;
  const selections: LoraSelection[] = [
    { sites: "all" },
    { sites: ["k"] },
    { sites: ["o", "down", "transformer.h.3.attn.c_attn:q"] },
    { sites: ["transformer.h.0.attn.c_attn"] },
    { targetModules: "all-linear" },
    { targetModules: ["c_attn", "h.2.mlp.c_proj"] },
  ];
  using device = new DryDevice();
  for (const selection of selections) {
    using model = Gpt2.allocate(device, parseGpt2Config(config));
    using _adapter = injectLora(model, { rank: 5, seed: 0, ...selection });
    const counts = loraCounts(modelTensors(config), 5, selection);
    const counted = counts.reduce((sum, { parameters }) => sum + parameters, 0);
    assertEquals(counted, countTrainable(model), JSON.stringify(selection));
  }
});
