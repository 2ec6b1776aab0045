/** Tables that a notebook shows of the toolkit's results. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { formulas } from "../../src/accounting/mod.ts";
import { spectrum } from "../../src/analysis/mod.ts";
import type { DataTable, Figure } from "../../src/figures/figure.ts";
import { readAdapter } from "../../src/formats/mod.ts";
import { injectLora, mergeReport, openDevice } from "../../mod.ts";
import { initGpt2, parseGpt2Config } from "../../src/models/mod.ts";
import { describe } from "../../src/notebook/describe.ts";
import { plainTable } from "../../src/figures/table.ts";
import { golden } from "../support/golden.ts";

const shape = { vocab_size: 16, n_positions: 8, n_embd: 8, n_layer: 2, n_head: 2 };

async function tableOf(value: unknown): Promise<DataTable> {
  const [part, ...rest] = await describe(value);
  assertEquals(rest, []);
  return part as DataTable;
}

Deno.test("a model's rows add up to its parameters, and say what is trained", async () => {
  using device = await openDevice({ kind: "dry" });
  using model = initGpt2(device, parseGpt2Config(shape), { seed: 1 });
  const rows = (await tableOf(model)).rows, all = rows.at(-1)!;
  const sum = rows.slice(0, -1).reduce((sum, { parameters }) => sum + Number(parameters), 0);
  assertEquals(all.parameters, sum);
  assertEquals(sum, [...model.parameters.values()].reduce((sum, { size }) => sum + size, 0));
  assertEquals(rows.map(({ trained }) => trained).slice(0, -1), rows.slice(1).map(() => "yes"));
  using adapter = injectLora(model, { rank: 2, sites: ["q", "v"], seed: 1 });
  assert((await tableOf(model)).rows.every(({ trained }) => trained !== "yes"));
  const table = await tableOf(adapter), first = table.rows[0];
  assertMatch(table.title, /^LoRA on 4 sites: 128 parameters, .*% of the base, 512 B$/);
  assertEquals([first.name, first.A, first.B, first.parameters], [
    "transformer.h.0.attn.c_attn:q",
    "[2, 8]",
    "[8, 2]",
    32,
  ]);
});

Deno.test("a ledger shows the roles that have bytes, now and at the peak", async () => {
  using device = await openDevice({ kind: "dry" });
  const table = async () => plainTable(await tableOf(device.ledger)).split("\n").slice(2);
  {
    using _a = device.allocate([250], "f32", "activation", "a");
    using _w = device.allocate([500], "f32", "weight", "w");
    assertEquals((await table()).map((line) => line.split(/  +/)), [
      ["weight", "2.00 kB", "2.00 kB"],
      ["activation", "1.00 kB", "1.00 kB"],
      ["all", "3.00 kB", "3.00 kB"],
    ]);
  }
  assertMatch((await table()).at(-1)!, /^all +0 B +3\.00 kB$/);
  assertEquals((await describe(device)).length, 2);
});

Deno.test("a merge report, a PEFT adapter and a spectrum show their numbers", async () => {
  using device = await openDevice({ kind: "cpu", threads: 1 });
  using model = initGpt2(device, parseGpt2Config(shape), { seed: 1 });
  using adapter = injectLora(model, { rank: 2, sites: ["q"], seed: 1 });
  const report = await mergeReport(model, adapter);
  assertEquals((await tableOf(report)).rows.map(({ module }) => module), [
    "transformer.h.0.attn.c_attn",
    "transformer.h.1.attn.c_attn",
  ]);
  const peft = await readAdapter(golden("adapters/peft_c_attn"));
  const [{ inputs, outputs, rank, parameters }] = (await tableOf(peft)).rows;
  assertEquals(parameters, Number(rank) * (Number(inputs) + Number(outputs)));
  const found = spectrum(peft.updates[0]);
  const [figure, ranks] = await describe(found) as [Figure, DataTable];
  assertEquals(figure.data[0].y, found.singularValues);
  assertEquals(
    ranks.rows.find(({ measure }) => String(measure).startsWith("stable"))?.value,
    found.stableRank,
  );
});

Deno.test("tensors, on a device or not, show shape, type and the first values", async () => {
  using device = await openDevice({ kind: "reference" });
  using tensor = device.allocate([2, 2], "f32", "scratch", "t");
  device.write(tensor, Float32Array.of(1, -0, NaN, 1.5));
  const text = "Float64Array [2, 2], 1 value not finite\n    1     -0\n  NaN  1.500";
  assertEquals(await describe(tensor), [text]);
  assertEquals(await describe((await device.read(tensor))[0]), [text]);
  const [large] = await describe({ shape: [100, 100], data: new Float32Array(10_000) });
  assertEquals(String(large).split("\n").length, 8);
  assertEquals(await describe({ shape: [0, 3], data: new Float32Array() }), [
    "Float32Array [0, 3]",
  ]);
  assertEquals(await describe({ shape: [], data: Float32Array.of(2) }), ["Float32Array []\n2"]);
  assertEquals(await describe(new BigInt64Array(1)), ["BigInt64Array [1]\n0"]);
});

Deno.test("every formula is shown as TeX with its symbols", async () => {
  for (const formula of Object.values(formulas)) {
    const [tex, letters] = await describe(formula);
    assert(typeof tex === "object" && "tex" in tex && tex.tex.length > 0);
    assertEquals((letters as DataTable).rows.length, Object.keys(formula.symbols).length);
  }
});

Deno.test("an outcome is its text, findings, figures and tables; unknown values are inspected", async () => {
  const finding = { claim: "c", rule: "r", ours: "o", found: "f", verdict: "reproduced" };
  const figure = { id: "f", title: "F", caption: "", data: [], layout: {} };
  const table = { id: "t", title: "T", columns: [], rows: [] };
  const outcome = { settings: "s", findings: [finding], figures: [figure], tables: [table] };
  const [settings, claims, ...rest] = await describe(outcome);
  assertEquals([settings, ...rest], ["s", figure, table]);
  const { ours: _, ...row } = finding;
  assertEquals((claims as DataTable).rows, [row]);
  assertEquals(await describe(finding), [claims]);
  assertEquals((await tableOf([finding, { ...finding, found: "" }])).rows, [
    row,
    { ...row, found: "o" },
  ]);
  assertEquals(await describe([[1, 2], [3, NaN]]), ["[ [ 1, 2 ], [ 3, NaN ] ]"]);
  assertEquals(await describe({ a: 1 }), ["{ a: 1 }"]);
  assertEquals(await describe(Object.create(null)), ["[Object: null prototype] {}"]);
});
