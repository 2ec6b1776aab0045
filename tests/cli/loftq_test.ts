/** `train` with adapters that begin at what quantizing has taken from the base. */

import { assert, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import { injectLoftq } from "../../src/adapt/mod.ts";
import { openDevice } from "../../src/device/mod.ts";
import { readAdapter } from "../../src/formats/mod.ts";
import { loadModel } from "../../src/models/mod.ts";
import { withFolder } from "../support/folders.ts";
import "../support/open_lapack.ts";
import { writeQuantizedFolder } from "../support/quantized_folder.ts";
import { trainArgs } from "./arguments.ts";
import { assertFails, lowrank, lowrankJson, model } from "./lowrank.ts";

const options = { rank: 3, alpha: 6, sites: ["q", "v", "down"] };
const method = { name: "lora", init: "loftq", ...options };

for (const dtype of ["nf4", "fp4"] as const) {
  Deno.test(`an adapter on ${dtype} that is not trained is what LoftQ begins with`, () =>
    withFolder(async (folder) => {
      const out = `${folder}/out`, args = await trainArgs(folder, out, { method, steps: 0 });
      await lowrankJson(...args, "--base-dtype", dtype);
      using device = await openDevice({ kind: "cpu" });
      using base = await loadModel(device, model, { dtype });
      using adapter = await injectLoftq(base, model, options);
      await adapter.save(`${folder}/expected`);
      const [found, expected] = [await readAdapter(out), await readAdapter(`${folder}/expected`)];
      assertEquals(found.updates, expected.updates);
      assertEquals(found.quantizedBase, expected.quantizedBase);
      assert(found.updates.every(({ B }) => B.data.some((value) => value !== 0)));
    }));
}

Deno.test("training begins at another loss than with B = 0, says LoftQ, and is another training", () =>
  withFolder(async (folder) => {
    const out = `${folder}/out`, nf4 = ["--base-dtype", "nf4"];
    const made = await lowrank(...await trainArgs(folder, out, { method, steps: 2 }), ...nf4);
    assertEquals(made.code, 0, made.stderr);
    assertStringIncludes(made.stderr, "LoftQ of rank 3 on q, v, down");
    const { firstLoss } = JSON.parse(await Deno.readTextFile(`${out}/run.json`));
    const { init: _, ...plain } = method;
    const args = await trainArgs(folder, `${folder}/plain`, { method: plain, steps: 2 });
    assertNotEquals((await lowrankJson(...args, ...nf4)).firstLoss, firstLoss);
    await assertFails(
      [...await trainArgs(folder, out, { method: plain, steps: 2 }), ...nf4],
      "already holds an adapter that this training has not made",
      "init",
    );
  }));

Deno.test("LoftQ needs floats that are quantized as they are loaded", () =>
  withFolder(async (folder) => {
    const quantized = `${folder}/4`, out = `${folder}/out`;
    const args = await trainArgs(folder, out, { method });
    await assertFails(
      args,
      "LoftQ needs a base that is quantized: use --base-dtype nf4 or fp4, found f32, the default\n",
    );
    await assertFails(
      [...args, "--base-dtype", "bf16"],
      "use --base-dtype nf4 or fp4, found bf16\n",
    );
    await Deno.mkdir(quantized);
    await writeQuantizedFolder(quantized, model);
    const sentence =
      "LoftQ needs the floats that a base was quantized from, found weights in 4 bits in " +
      `${quantized}: give the folder that it was made from, with --base-dtype nf4\n`;
    for (const more of [[], ["--base-dtype", "nf4"], ["--base-dtype", "f32"]]) {
      await assertFails([...args.with(2, quantized), ...more], sentence);
    }
  }));
