import { gpt2ConfigJson } from "../../src/architectures/families/gpt2.ts";
import { assert, assertEquals } from "@std/assert";
import { catalog, type ConfigJson } from "../../src/architectures/mod.ts";
import { injectLora } from "../../src/adapt/mod.ts";
import type { LedgerReading } from "../../src/device/ledger.ts";
import { baseConfig } from "../../experiments/base_model.ts";
import { batches, lora, optimizerLabels, scalingRows } from "../../experiments/scaling.ts";
import { parseGpt2Config } from "../../src/models/mod.ts";
import { predictMemory } from "../../src/runs/mod.ts";

const base = await baseConfig(), rows = await scalingRows();
const rowOf = (name: string) => rows.find(({ model }) => model === name)!;
const adamW = optimizerLabels.indexOf("AdamW");

/** The ratio by running both steps on the dry device. */
function measured(json: ConfigJson, batch: number) {
  const config = parseGpt2Config(json), length = config.n_positions;
  const full = predictMemory(gpt2ConfigJson(config), { batch, length });
  const adapted = predictMemory(gpt2ConfigJson(config), {
    batch,
    length,
    adapt: (model) => void injectLora(model, { ...lora, seed: 1 }),
  });
  const state = ({ peakByRole: { weight, adapter, gradient, optimizer } }: LedgerReading) =>
    weight + adapter + gradient + optimizer;
  return { peak: full.peak / adapted.peak, state: state(full) / state(adapted) };
}

Deno.test("the rows' ratios are the dry device's, small and large, in every batch", () => {
  const configs = { "tiny-gpt2": base, gpt2: catalog.gpt2.config };
  for (const [name, config] of Object.entries(configs)) {
    assertEquals(rowOf(name).byBatch, batches.map((batch) => measured(config, batch)), name);
  }
  for (const name of ["gpt2-xl", "gpt3-6.7b", "gpt3-175b"]) {
    assertEquals(rowOf(name).byOptimizer[adamW], measured(catalog[name].config, 1), name);
  }
});

Deno.test("eight sizes of GPT-3, four of GPT-2 and two small ones, from 1M to 175B", () => {
  assertEquals(rows.length, 14);
  assertEquals(Math.round(rows[0].parameters / 1e6), 1);
  assertEquals(rows[13].model, "gpt3-175b");
});

Deno.test("state: a frozen value costs 4 bytes, a trained one 16, 8, 12, 10 or 8, as LoRA's share goes to 0", () => {
  const limits = [4, 2, 3, 2.5, 2];
  rowOf("gpt3-175b").byOptimizer.forEach(({ state }, i) => {
    assert(Math.abs(state - limits[i]) < 0.01, `${optimizerLabels[i]}: ${state}`);
  });
});
