/** `lowrank compare` of two adapters, and of three or more. */

import { assert, assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import { Random } from "../../src/core/random.ts";
import { joinUpdates, readAdapter, writeAdapter } from "../../src/formats/mod.ts";
import { randomUpdate } from "./random_update.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { golden } from "../support/golden.ts";
import "../support/open_lapack.ts";
import { assertFails, lowrank, lowrankJson } from "./lowrank.ts";

const adapter = golden("adapters/peft_all_linear"), other = golden("adapters/peft_c_attn");
const study = [1, 2, 3].map((seed) => `models/rank-study/qv-r8-seed${seed}`);
const set = [other, adapter, golden("adapters/peft_rslora")];

Deno.test("compare: an adapter with itself is 1 on the diagonal, with another near chance", () =>
  withFolder(async (folder) => {
    for (const space of ["A", "delta-left", "delta-right"]) {
      const { modules } = await lowrankJson("compare", adapter, adapter, "--of", space);
      for (const { phi, principalAngles } of modules) {
        phi.forEach((row: number[], i: number) => assertAlmostEquals(row[i], 1, 1e-12));
        for (const angle of principalAngles) assertAlmostEquals(angle, 0, 1e-7);
      }
    }
    const page = `${folder}/page.html`;
    const { modules } = await lowrankJson("compare", other, adapter);
    const said = (await lowrank("compare", other, adapter, "--html", page)).stdout;
    assertStringIncludes(said, `\nwrote the page to ${page}\n`);
    assertEquals(modules.length, 2);
    for (const { phi, dimensions, randomBaseline, principalAngles } of modules) {
      assertEquals(dimensions, 48);
      assertAlmostEquals(randomBaseline, Math.max(phi.length, phi[0].length) / 48, 1e-15);
      assertEquals(principalAngles.length, Math.min(phi.length, phi[0].length));
    }
    const html = await Deno.readTextFile(page);
    for (const { name } of modules) assertStringIncludes(html, name);
    assertStringIncludes(html, '"heatmap"');
  }));

Deno.test("compare counts modules that only one adapter has, and refuses if none is shared", () =>
  withFolder(async (folder) => {
    const { stderr, stdout } = await lowrank("compare", adapter, other);
    assertEquals(stderr, "left out: 6 modules that only one of the two has\n");
    assertStringIncludes(stdout, "in parentheses:\nwhat it would be for random directions");
    const A = { shape: [1, 3], data: Float32Array.of(1, 2, 3) };
    const B = { shape: [2, 1], data: Float32Array.of(1, 2) };
    await writeAdapter(folder, { updates: [{ module: "layer.4.query", A, B, scaling: 1 }] });
    await assertFails(["compare", adapter, folder], "must share a module", "layer.4.query");
    const zero = { shape: [2, 1], data: new Float32Array(2) };
    await writeAdapter(folder, { updates: [{ module: "layer.4.query", A, B: zero, scaling: 1 }] });
    await assertFails(
      ["compare", folder, folder, "--of", "delta-left"],
      "layer.4.query must not be zero",
    );
  }));

Deno.test("compare takes a module as a whole if one adapter does not name its sites", () =>
  withFolder(async (folder) => {
    const name = "layer.0.qkv", random = new Random(3), [from, to] = ["/sites", "/whole"];
    const site = randomUpdate(name, 1, [6, 5], { start: 0, count: 3 }, random);
    await writeAdapter(folder + from, { updates: [site] });
    await writeAdapter(folder + to, { updates: [joinUpdates([site])] });
    for (const pair of [[from, to], [to, from]]) {
      const [one, other] = pair.map((end) => folder + end);
      for (const space of ["A", "delta-left", "delta-right"]) {
        const { modules } = await lowrankJson("compare", one, other, "--of", space);
        assertEquals(modules.map((each: { name: string }) => each.name), [name]);
        assertAlmostEquals(modules[0].phi[0][0], 1, 1e-12);
      }
    }
  }));

Deno.test("copies of an adapter share everything, others of it nothing beyond chance", () =>
  withFolder(async (folder) => {
    const { updates } = await readAdapter(set[0]);
    const copy = updates.map((update) => ({ ...update, scaling: 7 }));
    await writeAdapter(folder, { updates: copy, baseModelName: "gpt2_tiny" });
    const { modules, held, energy } = await lowrankJson("compare", set[0], folder, set[2]);
    assertEquals(energy, 0.9);
    for (const { adapters, ranks, alone, inputs, outputs } of modules.slice(0, 2)) {
      assertEquals([adapters, ranks], [[0, 1, 2], [4, 4, 4]]);
      for (const side of [inputs, outputs]) {
        assert(side.together <= alone - 2 && side.together < side.byChance - 1);
        assert(side.held[0][1] > 0.9 && side.held[0][2] < 0.3);
      }
    }
    assertEquals(held.inputs.length, 3);
  }));

Deno.test("the table, the page, and modules that only one adapter has", () =>
  withFolder(async (folder) => {
    const { code, stdout, stderr } = await lowrank(
      "compare",
      ...set,
      "--html",
      `${folder}/set.html`,
    );
    assertEquals([code, stderr], [0, "left out: 2 modules that only one adapter has\n"]);
    const [titles] = stdout.split("\n");
    assertEquals(titles.trim().split(/\s{2,}/), [
      ...["module", "ranks", "alone", "inputs", "by chance", "outputs", "by chance"],
    ]);
    for (
      const part of ["4 + 2 + 4", "inputs of", "outputs of", "in 3", "by chance", `2 ${set[1]}`]
    ) {
      assertStringIncludes(stdout, part);
    }
    const page = await Deno.readTextFile(`${folder}/set.html`);
    for (const part of ["shared-inputs", "shared-outputs", "of random directions"]) {
      assertStringIncludes(page, part);
    }
  }));

Deno.test("adapters that were trained alike share more than chance; a seed gives the same numbers", async () => {
  const { modules } = await lowrankJson("compare", ...study, "--seed", "3");
  for (const { inputs, outputs } of modules) {
    assert(inputs.together < inputs.byChance && outputs.together < outputs.byChance);
  }
  assertEquals((await lowrankJson("compare", ...study, "--seed", "3")).modules, modules);
});

Deno.test("an adapter that shares no module with the others is named", () =>
  withFolder(async (folder) => {
    const { updates: [update] } = await readAdapter(set[0]);
    await writeAdapter(folder, { updates: [{ ...update, module: "elsewhere" }] });
    const { code, stderr } = await lowrank("compare", set[0], set[0], folder);
    assertEquals(code, 0);
    assertStringIncludes(stderr, `${folder} shares no module with the others: it is compared with`);
  }));

Deno.test("options of the other kind of comparison, and adapters with nothing in common, are refused", () =>
  withFolder(async (folder) => {
    await assertFails(
      ["compare", ...set, "--of", "A"],
      "--of is for two adapters, found 3: leave it out",
    );
    await assertFails(
      ["compare", set[0], set[1], "--energy", "0.5"],
      "--energy is for three adapters or more, found 2: leave it out",
    );
    await assertFails(["compare", ...set, "--energy", "2"], "at most 1");
    await assertFails(["compare", set[0]], "missing required argument 'others'");
    const { updates: [update] } = await readAdapter(set[0]);
    const others = [];
    for (const module of ["a.q", "b.k", "c.v"]) {
      await writeAdapter(`${folder}/${module}`, { updates: [{ ...update, module }] });
      others.push(`${folder}/${module}`);
    }
    await assertFails(
      ["compare", ...others],
      "must share a module, found none that two of them have",
    );
  }));
