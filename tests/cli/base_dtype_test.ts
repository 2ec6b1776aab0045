/** Bases in 16 or 4 bits, and adapters that start from values taken out of them. */

import { assert, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import { injectLoftq } from "../../src/adapt/mod.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { readAdapter } from "../../src/formats/mod.ts";
import { loadModel } from "../../src/models/mod.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { golden, tensorsOf } from "../support/golden.ts";
import "../support/open_lapack.ts";
import { writeQuantizedFolder } from "../support/quantized_folder.ts";
import { rootPath } from "../../scripts/support/source_files.ts";
import { logitsArgs, trainArgs } from "./arguments.ts";
import { assertFails, lowrank, lowrankJson, model } from "./lowrank.ts";
import { smallBase } from "./sweeps.ts";

const stays = ["--base-dtype", "auto"];

for (const type of ["f16", "bf16"]) {
  Deno.test(`gradients of an adapter on a base that stays in ${type} are those of F32`, () =>
    withFolder(async (folder) => {
      const file = ["--input", golden("gradients/input.json"), "--case", "padded"];
      const base = ["gradients", "--model", golden(`gpt2_tiny_${type}`), ...file];
      const gradientsOf = async (...args: string[]) => {
        const output = `${folder}/gradients.safetensors`;
        const adapter = ["--adapter", golden("adapters/peft_all_linear")];
        const { loss } = await lowrankJson(...base, ...adapter, ...args, "--output", output);
        return { loss, gradients: await tensorsOf(output) };
      };
      assertEquals(await gradientsOf(...stays), await gradientsOf());
      await assertFails(
        [...base, ...stays, "--output", `${folder}/all.safetensors`],
        "training a whole model needs all of it in F32, found ",
      );
    }));
}

Deno.test("the loss on texts is the same with a base that stays in 16 bits", () =>
  withFolder(async (folder) => {
    const texts = `${folder}/texts.txt`, model = `${rootPath}models/tiny-gpt2`;
    await Deno.writeTextFile(texts, "an oak is a tree\nthat bears acorns\n");
    const args = ["evaluate", "--model", model, "--data", texts];
    assertEquals(await lowrankJson(...args, ...stays), await lowrankJson(...args));
  }));

Deno.test("what cannot be done in 16 bits is said in options, and the next command keeps the type", () =>
  withFolder(async (folder) => {
    const full = await trainArgs(folder, `${folder}/full`, { method: "full" });
    const half = [...full.with(2, golden("gpt2_tiny_f16")), ...stays];
    await assertFails(half, "use --base-dtype f32, or train an adapter\n");
    const data = `${folder}/texts.txt`, model = `${rootPath}models/tiny-gpt2`;
    await Deno.writeTextFile(data, "an oak is a tree\nthat bears acorns\n");
    const train = ["train", "--model", model, "--data", data, "--steps", "1", "--output"];
    const next = (output: string) => `--model ${model} --adapter ${output} `;
    const { stderr } = await lowrank(...train, `${folder}/16`, ...stays);
    assertStringIncludes(stderr, `${next(`${folder}/16`)}--base-dtype auto --prompt`);
    const plain = await lowrank(...train, `${folder}/32`);
    assertStringIncludes(plain.stderr, `${next(`${folder}/32`)}--prompt`);
  }));

Deno.test("a base in 4 bits is trained on, asked and measured; all of it is not trained", () =>
  withFolder(async (folder) => {
    const { model, data } = await smallBase(folder);
    const out = `${folder}/trained`, nf4 = ["--base-dtype", "nf4"];
    const train = ["train", "--model", model, "--data", data, "--steps", "2"];
    const made = await lowrank(...train, "--output", out, ...nf4);
    assertEquals(made.code, 0, made.stderr);
    assertStringIncludes(
      made.stderr,
      `--model ${model} --adapter ${out} --base-dtype nf4 --prompt`,
    );
    assertStringIncludes(made.stderr, "of the model's ");
    const shareOf = (text: string) => /% of the model's [\d,]+/.exec(text)?.[0];
    const plain = await lowrank(...train, "--output", `${folder}/plain`);
    assertEquals(shareOf(made.stderr), shareOf(plain.stderr));
    const texts = ["--model", model, "--adapter", out, ...nf4];
    const { loss } = await lowrankJson("evaluate", ...texts, "--data", data);
    const other = await lowrankJson("evaluate", ...texts.slice(0, 4), "--data", data);
    assert(loss > 0 && loss !== other.loss);
    const said = await lowrankJson(
      "generate",
      ...texts,
      "--prompt",
      "the",
      "--max-new-tokens",
      "2",
    );
    assertEquals(said.tokens.length, 2);
    await assertFails(
      [...train, "--method", "full", ...nf4, "--output", `${folder}/full`],
      "training a whole model needs all of it in F32, found ",
      "weights in 4 bits",
      "use --base-dtype f32, or train an adapter\n",
    );
    await assertFails(
      [...train, "--method", "top-layers", "--layers", "1", ...nf4, "--output", `${folder}/top`],
      "top layers need modules in F32, found ",
      " in 4 bits: use --base-dtype f32\n",
    );
    await assertFails(
      ["evaluate", "--model", model, "--data", data, "--base-dtype", "nf3"],
      "--base-dtype",
      "f32, f16, bf16, auto, nf4, fp4",
    );
  }));

Deno.test("the stored type of a base sets trainings apart by its name; one that is said makes no other", () =>
  withFolder(async (folder) => {
    const train = async (from: string, output: string) =>
      (await trainArgs(folder, `${folder}/${output}`, { method: "lora" })).with(2, from);
    const floats = golden("gpt2_tiny"), packed = `${folder}/packed`;
    const typed = (type: string) => ["--base-dtype", type];
    await lowrankJson(...await train(floats, "floats"), ...typed("nf4"));
    const other = '(it was made with base-dtype "nf4" instead of ';
    await assertFails([...await train(floats, "floats"), ...typed("fp4")], `${other}"fp4"`);
    await assertFails(await train(floats, "floats"), `${other}by default`);
    await Deno.mkdir(packed);
    await writeQuantizedFolder(packed, floats);
    const repeated = async (from: string, output: string, type: string) => {
      const { code, stderr } = await lowrank(...await train(from, output), ...typed(type));
      assertEquals(code, 0, stderr);
      assertStringIncludes(stderr, "already trained: ");
    };
    await lowrankJson(...await train(packed, "4"));
    for (const type of ["nf4", "auto"]) await repeated(packed, "4", type);
    await assertFails([...await train(packed, "4"), ...typed("f32")], "base-dtype by default ");
    await lowrankJson(...await train(floats, "32"));
    for (const type of ["f32", "auto"]) await repeated(floats, "32", type);
  }));

Deno.test("a folder in 4 bits is used as it is, and as F32 it is what these stand for", () =>
  withFolder(async (folder) => {
    await writeQuantizedFolder(folder, golden("gpt2_tiny"));
    const logits = async (from: string, ...args: string[]) => {
      const made = await lowrank(...await logitsArgs(folder, [[1, 2, 3]], from), ...args);
      assertEquals(made.code, 0, made.stderr);
      return (await tensorsOf(`${folder}/out.safetensors`)).get("logits.one")!.data;
    };
    const own = await logits(folder), plain = golden("gpt2_tiny");
    assertEquals(await logits(folder, ...stays), own);
    assertEquals(await logits(folder, "--base-dtype", "f32"), own);
    assertEquals(await logits(plain, "--base-dtype", "nf4"), own);
    await assertFails(
      [...await logitsArgs(folder, [[1]], folder), "--base-dtype", "fp4"],
      "must stay in its 4 bits, nf4 in blocks of 64 with scales in 8 bits, but fp4 in blocks of 64 ",
      "was asked for: leave out --base-dtype, or use --base-dtype f32\n",
    );
    const { parameters } = await lowrankJson("count", folder);
    assertEquals(parameters, (await lowrankJson("count", plain)).parameters);
    const step = ["--method", "lora", "--batch", "2", "--length", "5"];
    const { byRole } = await lowrankJson("memory", folder, ...step);
    const asked = await lowrankJson("memory", plain, ...step, "--base-dtype", "nf4");
    assertEquals(byRole, asked.byRole);
    const whole = await lowrankJson("memory", folder, ...step, "--base-dtype", "f32");
    assertEquals(whole.byRole, (await lowrankJson("memory", plain, ...step)).byRole);
    const found = "needs a base in F32, found one in nf4:", last = "use --base-dtype f32";
    const full = `full fine-tuning ${found} give --rank 8 for an adapter, or ${last}`;
    await assertFails(["memory", folder, "--method", "full"], full);
    const mixed = `--dtype mixed ${found} ${last}`;
    await assertFails(["memory", folder, ...step, "--dtype", "mixed"], mixed);
  }));

const options = { rank: 3, alpha: 6, sites: ["q", "v", "down"] };
const method = { name: "lora", init: "loftq", ...options };

for (const dtype of ["nf4", "fp4"] as const) {
  Deno.test(`an adapter on ${dtype} that is not trained is what LoftQ begins with`, () =>
    withFolder(async (folder) => {
      const out = `${folder}/out`, args = await trainArgs(folder, out, { method, steps: 0 });
      await lowrankJson(...args, "--base-dtype", dtype);
      using device = await openCpuDevice({ threads: 1 });
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
