/** LoRA of which B alone is trained: bytes, bits, folders, and what refuses it. */

import { assert, assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { countModules, trainingBytes } from "../../src/accounting/mod.ts";
import { injectLora, injectPissa, loadAdapter, type LoraAdapter } from "../../src/adapt/mod.ts";
import { architectureOf, catalog } from "../../src/architectures/mod.ts";
import { AdapterFileError } from "../../src/core/errors.ts";
import type { LedgerReading } from "../../src/device/ledger.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { readAdapter, readSafetensors, writeSafetensors } from "../../src/formats/mod.ts";
import type { Model } from "../../src/models/mod.ts";
import { allocateMethod, type LoraSpec, predictMemory } from "../../src/runs/mod.ts";
import { Trainer } from "../../src/train/mod.ts";
import { lowrankJson } from "../cli/lowrank.ts";
import "../support/open_lapack.ts";
import { randomBatches } from "../train/fixtures.ts";
import { golden, tinyModel, trainedLora, valuesOf, withFolder } from "./fixtures.ts";

const options = { rank: 2, sites: "all", freezeA: true } as const;

/** Values of all A, then of all B. */
const factorsOf = ({ sites }: LoraAdapter) =>
  Promise.all(
    [...sites.map(({ A }) => A), ...sites.map(({ B }) => B)].map(({ tensor }) => valuesOf(tensor)),
  );

function trainOn(model: Model): void {
  using trainer = new Trainer(model, { learningRate: 1e-2, steps: 2, weightDecay: 0.1 });
  for (let step = 0; step < 2; step++) trainer.step(randomBatches(1));
}

Deno.test("A keeps its bits and B does not, with decay too", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  using adapter = injectLora(model, { ...options, seed: 3 });
  const before = await factorsOf(adapter);
  trainOn(model);
  const after = await factorsOf(adapter), { length } = adapter.sites;
  assertEquals(after.slice(0, length), before.slice(0, length));
  after.slice(length).forEach((B, i) => assertNotEquals(B, before[length + i]));
  assertEquals(adapter.parameters, adapter.sites.map(({ B }) => B));
});

Deno.test("a frozen A has no gradient and no moments, and the layer's inputs are not kept for it", () => {
  const { config } = catalog.gpt2, shape = { batch: 2, length: 32 };
  const bytes = (more: Partial<LoraSpec>): LedgerReading =>
    predictMemory(config, {
      ...shape,
      adapt: (model) =>
        void allocateMethod(model, { kind: "lora", rank: 8, sites: "all", ...more }, 1),
    });
  const [both, half] = [bytes({}), bytes({ freezeA: true })];
  // 12 blocks; q, k, v, o and down of 768 rows, up of 3,072: A of all has (5 · 768 + 3,072) columns, too.
  const ofB = 12 * 8 * (5 * 768 + 3072), ofA = ofB;
  assertEquals(both.byRole.adapter, 4 * (ofA + ofB));
  assertEquals(half.byRole.adapter, both.byRole.adapter);
  assertEquals([both.byRole.gradient, half.byRole.gradient], [4 * (ofA + ofB), 4 * ofB]);
  assertEquals([both.byRole.optimizer, half.byRole.optimizer], [8 * (ofA + ofB), 8 * ofB]);
  assertEquals(half.byRole.weight, both.byRole.weight);
  assert(half.peakByRole.activation < both.peakByRole.activation);
});

Deno.test("the count says what is trained, and what is there", () => {
  const gpt2 = architectureOf(catalog.gpt2.config), lora = { kind: "lora", rank: 8 } as const;
  const sum = (freezeA: boolean, key: "parameters" | "trainable") =>
    countModules(gpt2, { ...lora, freezeA }).reduce((all, one) => all + one[key], 0);
  assertEquals(sum(false, "trainable"), 294_912);
  assertEquals(sum(true, "trainable"), 294_912 / 2);
  assertEquals(sum(true, "parameters"), sum(false, "parameters"));
});

Deno.test("bytes by formula in other types keep A, without what trains it", () => {
  const gpt2 = architectureOf(catalog.gpt2.config), lora = { rank: 8, sites: ["q", "v"] };
  const P = 294_912 / 2, both = trainingBytes(gpt2, "fp32", lora);
  const half = trainingBytes(gpt2, "fp32", { ...lora, freezeA: true });
  assertEquals(half, { ...both, gradient: 4 * P, optimizer: 8 * P });
  const mixed = trainingBytes(gpt2, "mixed", { ...lora, freezeA: true });
  const whole = trainingBytes(gpt2, "mixed", lora);
  assertEquals(whole.adapter / 2 + 2 * P, mixed.adapter);
});

Deno.test("a folder says that A was frozen, and what it loads into trains B alone", () =>
  withFolder(async (folder) => {
    using device = new ReferenceDevice();
    using model = tinyModel(device);
    {
      using adapter = trainedLora(model, { ...options, init: "orthonormal" });
      await adapter.save(folder);
    }
    const file = `${folder}/adapter_model.safetensors`, { metadata } = await readSafetensors(file);
    assertEquals(metadata["lowrank.frozen"], "A");
    const { freezeA, start } = await readAdapter(folder);
    assertEquals([freezeA, start], [true, { init: "orthonormal", seed: 1 }]);
    const card = await Deno.readTextFile(`${folder}/README.md`);
    assert(card.includes("\n- B alone was trained, on a frozen A\n"), card);
    using adapter = await loadAdapter(model, folder);
    const before = await factorsOf(adapter), { length } = adapter.sites;
    trainOn(model);
    assertEquals((await factorsOf(adapter)).slice(0, length), before.slice(0, length));
    using copy = await adapter.with({ scale: 0.5 });
    assert(copy.sites.every(({ A, B }) => !A.trainable && B.trainable));
  }));

Deno.test("a folder of A and B that are trained says nothing of it, and one that says more is refused", () =>
  withFolder(async (folder) => {
    using device = new ReferenceDevice();
    using model = tinyModel(device);
    using adapter = trainedLora(model);
    await adapter.save(folder);
    const file = `${folder}/adapter_model.safetensors`;
    const { metadata, tensors } = await readSafetensors(file);
    assertEquals(metadata["lowrank.frozen"], undefined);
    await writeSafetensors(file, tensors, { metadata: { ...metadata, "lowrank.frozen": "B" } });
    const message = 'metadata "lowrank.frozen" must be A, found "B"';
    await assertRejects(() => readAdapter(folder), AdapterFileError, message);
  }));

Deno.test("A may be frozen at the weights' directions, and trained after all", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  using adapter = await injectPissa(model, {
    ...options,
    targetModules: ["c_attn"],
    sites: undefined,
  });
  const before = await factorsOf(adapter), { length } = adapter.sites;
  trainOn(model);
  assertEquals((await factorsOf(adapter)).slice(0, length), before.slice(0, length));
  for (const { A } of adapter.sites) A.trainable = true;
  assertEquals(adapter.parameters.length, 2 * length);
  trainOn(model);
  assertNotEquals((await factorsOf(adapter))[0], before[0]);
});

Deno.test("an embedding, whose A begins as zero, is refused", () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  const message = "freezeA needs linear layers, found the embedding transformer.wte";
  const inject = () => injectLora(model, { rank: 2, targetModules: ["wte"], freezeA: true });
  assertThrows(inject, RangeError, message);
});

Deno.test("the command line trains, merges and asks for gradients of B alone", () =>
  withFolder(async (folder) => {
    const model = ["--model", golden("gpt2_tiny")], adapter = `${folder}/adapter`;
    const batches = `${folder}/batches.json`;
    await Deno.writeTextFile(batches, JSON.stringify({ batches: [[[5, 6, 7]]] }));
    const { trainable } = await lowrankJson(
      ...["train", ...model, "--batches", batches, "--steps", "2", "--learning-rate", "1e-2"],
      ...["--rank", "2", "--freeze-a", "--output", adapter],
    );
    const counted = await lowrankJson("count", golden("gpt2_tiny"), "--rank", "2", "--freeze-a");
    assertEquals(trainable, counted.trainable);
    const gradients = `${folder}/gradients.safetensors`, cases = `${folder}/cases.json`;
    const one = { input_ids: [[5, 6, 7]], labels: [[5, 6, 7]] };
    await Deno.writeTextFile(cases, JSON.stringify({ cases: { one } }));
    const asked = [...model, "--adapter", adapter, "--input", cases, "--case", "one"];
    await lowrankJson("gradients", ...asked, "--output", gradients);
    const names = [...(await readSafetensors(gradients)).tensors.keys()];
    assert(names.some((name) => name.endsWith("lora_B.weight")), names.join());
    assertEquals(names.filter((name) => name.endsWith("lora_A.weight")), []);
    const [less, kohya, back] = ["less", "kohya", "back"].map((name) => `${folder}/${name}`);
    await lowrankJson("resize", adapter, "--rank", "1", "--output", less);
    await lowrankJson("convert", adapter, "--to", "kohya", "--output", kohya);
    await lowrankJson("convert", kohya, "--output", back);
    for (const made of [less, back]) assertEquals((await readAdapter(made)).freezeA, true, made);
    const other = `${folder}/other`;
    await lowrankJson(
      ...[
        "train",
        ...model,
        "--batches",
        batches,
        "--adapter",
        back,
        "--steps",
        "1",
        "--learning-rate",
        "1e-2",
      ],
      ...["--output", other],
    );
    const [first, second] = await Promise.all([adapter, other].map((made) => readAdapter(made)));
    assertEquals(second.updates.map(({ A }) => A), first.updates.map(({ A }) => A));
    await lowrankJson("merge", ...model, "--adapter", adapter, "--output", `${folder}/merged`);
  }));
