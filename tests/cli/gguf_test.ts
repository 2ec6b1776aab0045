/** Commands whose base is a GGUF file. */

import { assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import { openSafetensors, readAdapter, readSafetensors } from "../../src/formats/mod.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { golden } from "../support/golden.ts";
import { withHub } from "../support/hub_server.ts";
import { assertFailed, lowrank, lowrankJson } from "./lowrank.ts";

const base = golden("gguf/llama_q4_1.gguf");

const succeed = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await lowrank(...args, "--quiet");
  assertEquals(code, 0, stderr);
  return stdout;
};

Deno.test("an adapter is trained on a GGUF file, inspected, converted and merged", () =>
  withFolder(async (folder) => {
    const [adapter, data] = [`${folder}/adapter`, `${folder}/texts.txt`];
    const lines = Array.from({ length: 8 }, (_, i) => `the cat sat on the mat. we've ${i} cats`);
    await Deno.writeTextFile(data, lines.join("\n"));
    const from = ["--model", base, "--data", data, "--output", adapter];
    await succeed("train", ...from, "--steps", "3", "--rank", "2", "--batch-size", "2");
    const config = JSON.parse(await Deno.readTextFile(`${adapter}/adapter_config.json`));
    assertEquals(config.base_model_name_or_path, base);

    const { modules } = await lowrankJson("inspect", adapter, "--base", base);
    assertEquals(modules.length, 2);
    using file = await openSafetensors(base);
    for (const { name, amplification } of modules) {
      const { data } = await file.read(`${name}.weight`);
      assertAlmostEquals(amplification.weightNorm, Math.hypot(...data), 1e-5);
    }

    await succeed(
      "convert",
      adapter,
      "--to",
      "kohya",
      "--base",
      base,
      "--output",
      `${folder}/kohya`,
    );
    const kohya = `${folder}/kohya/pytorch_lora_weights.safetensors`;
    await succeed("convert", kohya, "--base", base, "--output", `${folder}/peft`);
    const [before, after] = await Promise.all(
      [adapter, `${folder}/peft`].map((path) => readAdapter(path)),
    );
    const shapes = ({ updates }: typeof before) =>
      updates.map(({ module, A, B }) => [module, A, B]);
    assertEquals(shapes(after), shapes(before));

    await succeed("merge", ...[
      "--model",
      base,
      "--adapter",
      adapter,
      "--output",
      `${folder}/merged`,
    ]);
    const cases = `${folder}/cases.json`;
    await Deno.writeTextFile(cases, '{"cases":{"a":{"input_ids":[[5,9,40,77]]}}}');
    const outputs: number[][] = [];
    for (const model of [[base, "--adapter", adapter], [`${folder}/merged`]]) {
      const out = `${folder}/logits.safetensors`;
      await succeed("logits", "--model", ...model, "--input", cases, "--output", out);
      const [{ data }] = (await readSafetensors(out)).tensors.values();
      outputs.push([...data]);
    }
    const differences = outputs[0].map((value, i) => Math.abs(value - outputs[1][i]));
    // Sums of 32 products in another order, of logits of at most 10.
    assertEquals(Math.max(...differences) < 5e-5, true, `${Math.max(...differences)}`);
  }));

Deno.test("a GGUF file is counted, its memory predicted, and quantized to NF4", () =>
  withFolder(async (folder) => {
    const { total } = await lowrankJson("count", base);
    assertEquals(total, 18_560);
    assertStringIncludes(await succeed("memory", base), "weight");
    await succeed("quantize", base, `${folder}/nf4`);
    const { tensors } = await readSafetensors(`${folder}/nf4`);
    assertEquals(tensors.has("model.layers.0.mlp.up_proj.weight.absmax"), true);
  }));

Deno.test("a GGUF file that is none, and one that is not there, end in one sentence", () =>
  withFolder(async (folder) => {
    const path = `${folder}/a.gguf`, adapter = golden("adapters/peft_c_attn");
    const none = await lowrank("generate", "--model", path, "--prompt", "a");
    assertFailed(none);
    assertStringIncludes(none.stderr, `found none at ${path}`);
    await Deno.writeTextFile(path, "GGUF, but a text of more than 24 bytes");
    for (
      const args of [["generate", "--model", path, "--prompt", "a"], [
        "inspect",
        adapter,
        "--base",
        path,
        "--quiet",
      ]]
    ) {
      const outcome = await lowrank(...args);
      assertFailed(outcome);
      assertStringIncludes(outcome.stderr, `cannot read ${path}: not a GGUF file that can be read`);
    }
  }));

Deno.test("a GGUF file of a repository is downloaded, alone, and used by its name", async () => {
  const bytes = await Deno.readFile(base), repository = { "a/small.gguf": bytes, "b.gguf": bytes };
  await withHub({ "owner/name.gguf": repository }, async ({ got, cache }) => {
    const name = "hf:owner/name.gguf/a/small.gguf";
    const { files, folder } = await lowrankJson("pull", name);
    assertEquals(files, { "small.gguf": bytes.length });
    assertStringIncludes(folder, cache);
    assertEquals((await lowrankJson("count", name)).total, 18_560);
    assertEquals(got.filter(({ what }) => what.includes("b.gguf")), []);
  });
});
