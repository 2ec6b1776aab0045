import { assertRejects, assertThrows } from "@std/assert";
import { injectLora, loadAdapter, merge, mergeReport, swap } from "../../src/adapt/mod.ts";
import { AdapterFileError } from "../../src/core/errors.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { hostTensor } from "../../src/core/tensor.ts";
import { writeAdapter } from "../../src/formats/mod.ts";
import { tinyModel, trainedLora, withFolder } from "./fixtures.ts";

const dora = { dora: true, targetModules: ["c_attn"] } as const;

Deno.test("what needs a product of B and A refuses DoRA by name", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  using adapter = trainedLora(model, dora);
  using merged = merge(model, adapter);
  const [{ name }] = adapter.sites, found = `found DoRA on ${name}`;
  await assertRejects(() => adapter.read(), RangeError, `reading updates needs updates`);
  await assertRejects(() => adapter.spectra(), RangeError, found);
  await assertRejects(() => adapter.deltaWeight(name), RangeError, found);
  await assertRejects(() => adapter.with({ scale: 0.5 }), RangeError, found);
  await assertRejects(() => mergeReport(model, adapter), RangeError, found);
  assertThrows(() => swap(merged, adapter, adapter), RangeError, found);
});

Deno.test("a swap refuses adapters that train more than A and B", () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  using adapter = trainedLora(model, { loraBias: true, targetModules: ["c_attn"] });
  using merged = merge(model, adapter);
  const swapping = () => swap(merged, adapter, adapter);
  assertThrows(swapping, RangeError, "swapping needs adapters of A and B alone, found base_model");
});

Deno.test("vectors need whole layers, one kind of them, and a mode that exists", () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  const refuse = (options: object, words: string, Kind: typeof RangeError | typeof TypeError) =>
    assertThrows(() => injectLora(model, { rank: 2, ...options }), Kind, words);
  const site = "found the site transformer.h.0.attn.c_attn:q";
  refuse(
    { dora: true, sites: ["q"] },
    `dora needs whole layers, by targetModules, ${site}`,
    RangeError,
  );
  refuse({ loraBias: true, sites: ["q"] }, `loraBias needs whole layers`, RangeError);
  refuse({ ...dora, loraBias: true }, "dora needs loraBias to be false, as in PEFT", TypeError);
  refuse({ bias: "some" }, 'bias must be "none", "all" or "lora_only", found "some"', RangeError);
});

Deno.test("vectors of a file that do not fit are refused", () =>
  withFolder(async (folder) => {
    const A = hostTensor([1, 12], new Float32Array(12)), B = hostTensor([12, 1], A.data);
    const update = (layer: number) => ({
      module: `transformer.h.${layer}.attn.c_proj`,
      A,
      B,
      scaling: 1,
    });
    const magnitude = hostTensor([12], A.data);
    const some = writeAdapter(folder, { updates: [{ ...update(0), magnitude }, update(1)] });
    await assertRejects(() => some, RangeError, "must have a magnitude, or none, found 1 of 2");
    const short = { ...update(0), magnitude: hostTensor([11], new Float32Array(11)) };
    await assertRejects(() => writeAdapter(folder, { updates: [short] }), RangeError, "all rows");
  }));

Deno.test("rows of tokens that the model does not have are refused", () =>
  withFolder(async (folder) => {
    using device = new ReferenceDevice();
    using model = tinyModel(device);
    const random = (rows: number, columns: number) =>
      hostTensor([rows, columns], new Float32Array(rows * columns).fill(0.1));
    const update = {
      ...{ module: "transformer.h.0.attn.c_proj", scaling: 1 },
      ...{ A: random(1, 12), B: random(12, 1) },
    };
    const cases: [string, string, number[], number][] = [
      ["transformer.wte", "12 wide, of 11 tokens, found token 11", [3, 11], 12],
      ["transformer.wte", "12 wide, of 11 tokens, found 2 x 13 values", [3, 4], 13],
      ["transformer.wxe", 'rows must be of an embedding of the model, found "transformer.wxe"', [
        1,
        2,
      ], 12],
    ];
    for (const [module, words, indices, width] of cases) {
      const rows = new Map([[module, { indices, values: random(2, width) }]]);
      await writeAdapter(folder, { updates: [update], rows });
      await assertRejects(() => loadAdapter(model, folder), AdapterFileError, words);
    }
  }));
