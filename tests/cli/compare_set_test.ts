/** `lowrank compare` of three adapters or more. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { readAdapter, writeAdapter } from "../../src/formats/mod.ts";
import { withFolder } from "../support/folders.ts";
import { golden } from "../support/golden.ts";
import "../support/open_lapack.ts";
import { assertFails, lowrank, lowrankJson } from "./lowrank.ts";

const study = [1, 2, 3].map((seed) => `models/rank-study/qv-r8-seed${seed}`);
const set = ["peft_c_attn", "peft_all_linear", "peft_rslora"].map((name) =>
  golden(`adapters/${name}`)
);

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
