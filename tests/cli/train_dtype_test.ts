/** `train --dtype`: the type in which what was trained is saved, and nothing else of the training. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { float16ToFloat32, float32ToFloat16 } from "../../src/core/float16.ts";
import { openSafetensors } from "../../src/formats/mod.ts";
import { withFolder } from "../support/folders.ts";
import { tensorsOf } from "../support/golden.ts";
import { trainArgs, writeJson } from "./arguments.ts";
import { argsFor, contents, failingAfter, lora } from "./cut.ts";
import { assertFails, lowrank, lowrankJson, model } from "./lowrank.ts";
import { smallSweep } from "./sweeps.ts";

const method = { kind: "lora", rank: 2 };

/** The types in a file of weights, and how many bytes its values take. */
async function stored(folder: string, name = "adapter_model"): Promise<[string[], number]> {
  using file = await openSafetensors(`${folder}/${name}.safetensors`);
  const entries = [...file.tensors.values()];
  const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
  return [[...new Set(entries.map(({ dtype }) => dtype))], bytes];
}

Deno.test("--dtype and the configuration choose the type of an adapter's file: the same values, rounded", () =>
  withFolder(async (folder) => {
    const made = async (name: string, config: object, ...more: string[]) => {
      const args = await trainArgs(folder, `${folder}/${name}`, { steps: 2, method, ...config });
      const { code, stderr } = await lowrank(...args, ...more);
      assertEquals(code, 0, stderr);
      return stderr;
    };
    await made("plain", {});
    const told = await made("option", {}, "--dtype", "f16");
    assertStringIncludes(told, `wrote the adapter (F16) after 2 steps to ${folder}/option\n`);
    await made("configured", { dtype: "bf16" });
    await made("outvoted", { dtype: "bf16" }, "--dtype", "f32");
    const [, bytes] = await stored(`${folder}/plain`);
    assertEquals(await stored(`${folder}/option`), [["F16"], bytes / 2]);
    assertEquals(await stored(`${folder}/configured`), [["BF16"], bytes / 2]);
    assertEquals(await contents(`${folder}/outvoted`), await contents(`${folder}/plain`));
    const file = "adapter_model.safetensors";
    const half = await tensorsOf(`${folder}/option/${file}`);
    for (const [name, { data }] of await tensorsOf(`${folder}/plain/${file}`)) {
      const rounded = float16ToFloat32(float32ToFloat16(data as Float32Array));
      assertEquals(half.get(name)!.data, rounded, name);
    }
    const card = await Deno.readTextFile(`${folder}/option/README.md`);
    assertStringIncludes(card, "- Values: stored in F16, 2 bytes each\n");
    const { spec } = JSON.parse(await Deno.readTextFile(`${folder}/option/run.json`));
    assertEquals(spec.training.dtype, "F16");
    const again = await trainArgs(folder, `${folder}/option`, { steps: 2, method });
    await assertFails(again, 'it was made with dtype "F16" instead of by default');
    const wrong = await trainArgs(folder, `${folder}/no`, { dtype: "f8" });
    await assertFails(wrong, 'dtype must be f32 or f16 or bf16, found "f8"');
  }));

Deno.test("a whole model, and adapters of other methods, are saved in that type and read again", () =>
  withFolder(async (folder) => {
    const methods = ["full", "bitfit", "vera", "prefix-tuning", "lora+prefix-layer"];
    for (const name of methods) {
      const output = `${folder}/${name}`, isFull = name === "full";
      const args = await trainArgs(folder, output, { method: { name } });
      await lowrankJson(...args, "--dtype", "bf16");
      assertEquals((await stored(output, isFull ? "model" : undefined))[0], ["BF16"], name);
      const input = await writeJson(`${folder}/in.json`, { cases: { one: { input_ids: [[5]] } } });
      const shown = isFull ? ["--model", output] : ["--model", model, "--adapter", output];
      await lowrankJson(
        "logits",
        ...shown,
        "--input",
        input,
        "--output",
        `${folder}/out.safetensors`,
      );
      if (isFull) continue;
      const card = await Deno.readTextFile(`${output}/README.md`);
      assertStringIncludes(card, "- Values: stored in BF16, 2 bytes each\n", name);
    }
  }));

Deno.test("a training that was cut off resumes to the bytes of a whole one in F16 too", () =>
  withFolder(async (folder) => {
    const config = { method: lora, steps: 22, checkpointEvery: 7, dtype: "f16" };
    const args = await argsFor(folder, config);
    const [output, whole] = [`${folder}/cut`, `${folder}/whole`];
    await lowrankJson(...args, whole);
    {
      using _ = failingAfter(2);
      await assertFails([...args, output], "it is made to fail");
    }
    assertEquals((await stored(output))[0], ["F16"], "what is left");
    await assertFails(
      [...args, output, "--dtype", "f32"],
      'a training in progress with dtype "F16" instead of by default, which its own',
    );
    const { code, stderr } = await lowrank(...args, output);
    assertEquals(code, 0, stderr);
    assertStringIncludes(stderr, "resuming after step 14\n");
    assertEquals(await contents(output), await contents(whole));
  }));

Deno.test("values beyond a type are saved in F32, and the error says so", () =>
  withFolder(async (folder) => {
    const output = `${folder}/out`, huge = { method, learningRate: 1e5, steps: 1 };
    const args = await trainArgs(folder, output, huge);
    await assertFails(
      [...args, "--dtype", "f16"],
      `error: F16 cannot hold what was trained, which is in ${output} in F32: the values of "`,
      "must be finite in F16, found ",
      "] (|x| must be below 65520); give",
      "; give --dtype bf16 or f32 and another --output\n",
    );
    assertEquals((await stored(output))[0], ["F32"]);
    assert((await Deno.stat(`${output}/log.json`)).isFile);
  }));

Deno.test("an adapter that is trained further keeps the type of its file unless --dtype says another", () =>
  withFolder(async (folder) => {
    const further = async (from: string, to: string, ...more: string[]) => {
      const args = await trainArgs(folder, `${folder}/${to}`, from ? {} : { method });
      await lowrankJson(...args, ...from ? ["--adapter", `${folder}/${from}`] : [], ...more);
      return (await stored(`${folder}/${to}`))[0];
    };
    assertEquals(await further("", "half", "--dtype", "f16"), ["F16"]);
    assertEquals(await further("half", "kept"), ["F16"]);
    assertEquals(await further("half", "said", "--dtype", "f32"), ["F32"]);
    assertEquals(await further("said", "full"), ["F32"]);
  }));

Deno.test("a sweep's adapters have the type that it says", () =>
  withFolder(async (folder) => {
    const one = { methods: [{ method: "lora", rank: 2 }], "learning-rate": 0.01, seed: 1 };
    const file = await smallSweep(folder, { ...one, dtype: ["f32", "f16"] });
    const { runs } = await lowrankJson("sweep", file, "--output", `${folder}/out`);
    const types = await Promise.all(
      runs.map(({ run }: { run: string }) => stored(`${folder}/out/runs/${run}/adapter`)),
    );
    assertEquals(types.map(([[type]]) => type), ["F32", "F16"]);
  }));
