/** `lowrank sweep` on a base in 4 bits: each method begins as in `train`, or is refused before the first. */

import { assertEquals } from "@std/assert";
import { filesIn, withFolder } from "../support/folders.ts";
import "../support/open_lapack.ts";
import { writeQuantizedFolder } from "../support/quantized_folder.ts";
import { writeJson } from "./arguments.ts";
import { assertFails, lowrankJson } from "./lowrank.ts";
import { smallBase, smallSweep } from "./sweeps.ts";

const one = { "learning-rate": 0.001, seed: 1 };

Deno.test("LoftQ begins at the floats of its folder, as in train", () =>
  withFolder(async (folder) => {
    const config = await writeJson(`${folder}/c.json`, { method: { name: "lora", init: "loftq" } });
    const given = { ...one, config, "base-dtype": "nf4" };
    const file = await smallSweep(folder, { ...given, methods: [{ rank: 2 }] });
    const { runs: [{ run, heldOut }] } = await lowrankJson(
      ...["sweep", file, "--output", `${folder}/out`],
    );
    const options = { model: folder, data: `${folder}/mine.txt`, steps: 4, rank: 2, ...given };
    const words = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
    const alone = await lowrankJson("train", ...words, "--output", `${folder}/alone`);
    assertEquals(heldOut, alone.heldOut);
    assertEquals(
      await Deno.readFile(`${folder}/out/runs/${run}/adapter/adapter_model.safetensors`),
      await Deno.readFile(`${folder}/alone/adapter_model.safetensors`),
    );
  }));

Deno.test("a method that cannot train a base in 4 bits is refused before the first training", () =>
  withFolder(async (folder) => {
    const output = `${folder}/out`, nf4 = { ...one, "base-dtype": "nf4" };
    const whole = "training a whole model needs all of it in F32, found 4 weights in 4 bits ";
    const refused = async (more: object, ...sentence: string[]) => {
      await assertFails(
        ["sweep", await smallSweep(folder, more), "--output", output],
        ...sentence,
      );
      assertEquals(filesIn(folder).includes("out"), false);
    };
    const [lora, full, bitfit] = ["lora", "full", "bitfit"].map((method) => ({ method }));
    await refused(
      { ...nf4, methods: [bitfit, { method: "top-layers", layers: 1 }] },
      "method=top-layers",
      "top layers need modules in F32, found ",
      " in 4 bits: use --base-dtype f32\n",
    );
    await refused({ ...nf4, methods: [lora, full] }, "method=full", whole);
    const both = { ...one, "base-dtype": ["f32", "nf4"] };
    await refused({ ...both, methods: [full] }, "base-dtype=nf4", whole);
    await smallBase(folder);
    const packed = `${folder}/packed`;
    await Deno.mkdir(packed);
    await writeQuantizedFolder(packed, folder);
    for (const name of ["tokenizer.json", "tokenizer_config.json"]) {
      await Deno.copyFile(`${folder}/${name}`, `${packed}/${name}`);
    }
    await refused({ ...one, model: packed, methods: [lora, full] }, "method=full", whole);
  }));
