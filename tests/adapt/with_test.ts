/** Changed copies of an adapter, its spectra, and the way back from a merged model. */

import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  injectLora,
  LoraAdapter,
  merge,
  selectSites,
  TrainedModules,
  unmerge,
} from "../../src/adapt/mod.ts";
import { spectrum, truncateUpdate } from "../../src/analysis/mod.ts";
import { deltaWeight } from "../../src/core/update.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { baseOf } from "../../src/adapt/merge/merge.ts";
import { assertAlone, logitsOf, tinyModel, trainedLora } from "./fixtures.ts";

const name = (adapter: LoraAdapter) => adapter.sites.map(({ name }) => name);

Deno.test("a copy of rank k is the nearest one, and the original comes back to the bit", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  using adapter = trainedLora(model, {
    rank: 4,
    rankPattern: { "h.1.attn.c_attn": 1 },
    dropout: 0.1,
  });
  adapter.promptFormat = { template: "{prompt}", endOfTextFirst: true, separator: "" };
  const before = await logitsOf(model), updates = await adapter.read();
  const bytes = device.ledger.read().byRole;
  {
    using cut = await adapter.with({ rank: 2 });
    assertAlone(model, cut);
    assertEquals(cut.sites.map(({ rank }) => rank), [2, 2, 1, 1]);
    const { A, B, scaling } = (await cut.read())[0], nearest = truncateUpdate(updates[0], 2);
    assertEquals([...A.data, ...B.data], [...nearest.A.data, ...nearest.B.data].map(Math.fround));
    assertEquals([scaling, cut.sites[0].dropout], [updates[0].scaling, 0.1]);
    assertEquals((await cut.read())[3], updates[3]);
    assertEquals(cut.promptFormat, adapter.promptFormat);
    await assertRejects(
      () => adapter.with({ rank: 1 }),
      RangeError,
      "needs a model without an adapter",
    );
    using deeper = await cut.with({ rank: 1 });
    assertAlone(model, deeper);
  }
  assertAlone(model, adapter);
  assertEquals([await logitsOf(model), device.ledger.read().byRole], [before, bytes]);
});

Deno.test("a copy's weight and sites: twice ΔW, the queries alone, one layer alone", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  using adapter = trainedLora(model);
  const [update] = await adapter.read(), whole = deltaWeight(update).data;
  {
    using twice = await adapter.with({ scale: 2 });
    const doubled = deltaWeight((await twice.read())[0]).data;
    doubled.forEach((value, i) => assertAlmostEquals(value, 2 * whole[i], 1e-6));
    assertEquals(twice.sites.map(({ alpha }) => alpha), [6, 6, 6, 6]);
  }
  for (
    const [only, expected] of [
      [["q"], ["transformer.h.0.attn.c_attn:q", "transformer.h.1.attn.c_attn:q"]],
      [["h.1"], ["transformer.h.1.attn.c_attn:q", "transformer.h.1.attn.c_attn:v"]],
      [["h.0.attn.c_attn:v", "h.1.attn.c_attn:q"], [
        "transformer.h.0.attn.c_attn:v",
        "transformer.h.1.attn.c_attn:q",
      ]],
    ]
  ) {
    using some = await adapter.with({ only });
    assertEquals(name(some), expected);
  }
  adapter.remove();
  const base = await logitsOf(model);
  {
    using nothing = await adapter.with({ scale: 0 });
    assertEquals(await logitsOf(model), base);
    assertAlone(model, nothing);
  }
  assertEquals(model.adapters.size, 0);
});

Deno.test("a copy brings back what it stands for, and nothing that was removed since", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  const adapter = trainedLora(model), copy = await adapter.with({ scale: 0.5 });
  const second = await copy.with({ scale: 0.5 });
  copy.remove();
  assertAlone(model, second);
  second.remove();
  assertAlone(model, adapter);
  const third = await adapter.with({ scale: 0.5 });
  for (const each of [adapter, copy, second, third]) each[Symbol.dispose]();
  assertEquals([model.adapters.size, model.trainable().length], [0, model.parameters.size]);
});

Deno.test("changes that are none are refused, and the adapter stays in force", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  using adapter = trainedLora(model);
  const wrong: readonly (readonly [change: object, sentence: string])[] = [
    [{ rank: 0 }, "rank must be a positive integer, found 0"],
    [{ rank: 1.5 }, "found 1.5"],
    [{ scale: NaN }, "scale must be finite, found NaN"],
    [{ scale: 1e300 }, "must be finite in F32"],
    [{ only: ["k"] }, "only must name sites of the adapter (transformer.h.0…1.attn.c_attn:q, "],
    [{ only: ["0.at"] }, 'found "0.at"'],
    [{ sites: ["q"] }, 'the options of with are rank, scale, only; found "sites"'],
  ];
  for (const [change, sentence] of wrong) {
    const { message } = await assertRejects(() => adapter.with(change), Error);
    assert(message.includes(sentence), message);
    assertAlone(model, adapter);
  }
});

Deno.test("spectra are those of every site's update, by name", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  using adapter = trainedLora(model);
  const updates = await adapter.read(), spectra = await adapter.spectra();
  assertEquals(spectra.map(({ name }) => name), name(adapter));
  spectra.forEach(({ name: _, ...own }, i) => assertEquals(own, spectrum(updates[i])));
  // deno-lint-ignore no-explicit-any -- what a caller without types may pass
  const wrong = (what: any) => () => spectrum(what);
  const words = "an update needs A and B as { shape, data }, found ";
  assertThrows(wrong(adapter), TypeError, `${words}an adapter: take adapter.spectra(), or`);
  assertThrows(wrong(updates), TypeError, `${words}a list`);
  assertThrows(wrong(undefined), TypeError, `${words}nothing`);
});

Deno.test("the base of a merged model is the model itself; unmerge frees what merging took", () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  using adapter = injectLora(model, { rank: 2 });
  const before = device.ledger.read().live, merged = merge(model, adapter);
  assert(baseOf(merged) === model);
  assert(device.ledger.read().live > before);
  assert(unmerge(merged) === model);
  assertEquals(device.ledger.read().live, before);
  assertAlone(model, adapter);
  // deno-lint-ignore no-explicit-any -- what a caller without types may pass
  assertThrows(() => baseOf(model as any), TypeError, "found one without a base");
});

Deno.test("a copy has the trained head of its original, which comes back with it", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  using adapter = trainedLora(model, { modulesToSave: ["ln_f"] });
  const gain = model.parameters.get("transformer.ln_f.weight")!;
  device.write(gain.tensor, new Float32Array(12).fill(1.5));
  const said = await logitsOf(model);
  {
    using same = await adapter.with({});
    assertEquals([await logitsOf(model), same.modules.parameters.length], [said, 2]);
  }
  assertEquals(await logitsOf(model), said);
  adapter.remove();
  assertEquals(gain.substitute, undefined);
});

Deno.test("an adapter that cannot be made leaves nothing on the device, nor on the model", () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  const [site] = selectSites(model, { sites: ["q"] }), before = device.ledger.read().byRole;
  const plan = { site, rank: 2, alpha: 2, scaling: 1, dropout: 0, A: new Float32Array(3) };
  const make = () =>
    new LoraAdapter(model, [plan], { modules: new TrainedModules(model, ["ln_f"]) });
  assertThrows(make, Error, "found 3");
  assertEquals(device.ledger.read().byRole, before);
  assertEquals([model.adapters.size, model.trainable().length], [0, model.parameters.size]);
});
