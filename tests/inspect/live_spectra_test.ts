import { assert, assertEquals } from "@std/assert";
import { spectrum } from "../../src/analysis/mod.ts";
import { injectLora } from "../../src/adapt/mod.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { axis } from "../../src/figures/mod.ts";
import { LiveSpectra, sitesOverSteps } from "../../src/inspect/live_spectra.ts";
import { runTrainer, train, Trainer } from "../../src/train/mod.ts";
import { randomBatches, tinyModel, trainedValues } from "../train/fixtures.ts";

/** Trains the tiny model and gives what was trained, the losses, and the readings where it was watched. */
async function trainTiny(steps: number, every?: number) {
  using device = await openCpuDevice({ threads: 1 });
  using model = tinyModel(device);
  using adapter = injectLora(model, { rank: 2, sites: ["q", "v", "down"], seed: 1 });
  using trainer = new Trainer(model, { learningRate: 1e-2, steps });
  const live = every ? new LiveSpectra(model, every) : undefined, losses: number[] = [];
  for await (const { loss } of runTrainer(trainer, randomBatches(3))) {
    losses.push(loss);
    live?.observe(trainer.steps);
  }
  const values = await trainedValues(model), last = (await adapter.read()).map(spectrum);
  return { values, losses, last, readings: await live?.readings() ?? [] };
}

Deno.test("adapters are read every so many steps, and training is the same to the bit", async () => {
  const watched = await trainTiny(9, 3), alone = await trainTiny(9);
  assertEquals(watched.values, alone.values);
  assertEquals(watched.losses, alone.losses);
  assertEquals(watched.readings.map(({ steps }) => steps), [3, 6, 9]);
});

Deno.test("a reading is what the adapter was after that step", async () => {
  const { readings, last } = await trainTiny(9, 3), early = await trainTiny(3);
  const valuesAt = (place: number) => readings[place].sites.map((site) => site.singularValues);
  assertEquals(valuesAt(2), last.map(({ singularValues }) => singularValues));
  assertEquals(valuesAt(0), early.last.map(({ singularValues }) => singularValues));
  const names = readings[0].sites.map(({ name }) => name);
  assertEquals(names.slice(0, 3), [
    "transformer.h.0.attn.c_attn:q",
    "transformer.h.0.attn.c_attn:v",
    "transformer.h.0.mlp.c_proj",
  ]);
  for (const { angle } of readings[0].sites) assertEquals(angle, undefined);
  for (const { angle, stableRank, effectiveRank } of readings[2].sites) {
    assert(angle! > 0 && angle! <= Math.PI / 2);
    assert(stableRank >= 1 && stableRank <= effectiveRank && effectiveRank <= 2);
  }
});

Deno.test("before the first step a reading is of ΔW = 0, and the next has no angle to it", async () => {
  using device = await openCpuDevice({ threads: 1 });
  using model = tinyModel(device);
  using _adapter = injectLora(model, { rank: 2, seed: 1 });
  const live = new LiveSpectra(model, 2);
  live.observe(0);
  for await (const { step } of train(model, randomBatches(3), { steps: 3 })) live.observe(step + 1);
  const [first, second, ...rest] = await live.readings();
  assertEquals([first.steps, second.steps, rest.length], [0, 2, 0]);
  for (const { singularValues, angle } of first.sites) {
    assertEquals([...singularValues, angle], [0, 0, undefined]);
  }
  for (const { singularValues, angle } of second.sites) {
    assertEquals([singularValues[0] > 0, angle], [true, undefined]);
  }
});

Deno.test("a model without adapters has no readings", async () => {
  using device = await openCpuDevice({ threads: 1 });
  using model = tinyModel(device);
  const live = new LiveSpectra(model, 1);
  live.observe(1);
  assertEquals(await live.readings(), []);
});

Deno.test("a figure names sites of any model: by layer where they have one", () => {
  const names = ["transformer.h.0.attn.c_attn:q", "transformer.h.1.mlp.c_proj", "layers.0"];
  const sites = names.map((name) => ({
    ...{ name, singularValues: [1], stableRank: 1, effectiveRank: 1, angle: undefined },
  }));
  const words = { id: "ranks", title: "Ranks", caption: "One line for each site." };
  const { data } = sitesOverSteps([{ steps: 1, sites }], words, axis("rank"), () => 1);
  assertEquals(data.map(({ name }) => name), ["q, layer 1", "mlp.c_proj, layer 2", "layers.0"]);
});

Deno.test("of twelve lines no two look alike: color tells the kind of site, dashes the layer", () => {
  const names = [0, 1].flatMap((layer) =>
    ["q", "k", "v", "o", "up", "down"].map((kind) => `h.${layer}.${kind}`)
  );
  const sites = names.map((name) => ({
    ...{ name, singularValues: [1], stableRank: 1, effectiveRank: 1 },
  }));
  const words = { id: "ranks", title: "Ranks", caption: "One line for each site." };
  const { data } = sitesOverSteps([{ steps: 1, sites }], words, axis("rank"), () => 1);
  const of = (part: "color" | "dash", from: number) =>
    new Set(data.slice(from, from + 6).map(({ line }) => line?.[part]));
  assertEquals([of("color", 0).size, of("color", 0)], [6, of("color", 6)]);
  assertEquals([of("dash", 0), of("dash", 6)], [new Set(["solid"]), new Set(["dash"])]);
});
