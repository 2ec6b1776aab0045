/** The folders that `lowrank merge` writes, against PEFT and transformers, and its memory against the system's count. */

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { injectLora } from "../../src/adapt/mod.ts";
import { openDevice } from "../../src/device/mod.ts";
import { initGpt2, parseGpt2Config, saveModel } from "../../src/models/mod.ts";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import { golden } from "../support/golden.ts";
import { pythonHas, runPython } from "../../scripts/support/python.ts";
import { lowrankArgs, lowrankJson } from "./lowrank.ts";

const adapter = golden("adapters/peft_c_attn");

/** Runs a script of `scripts/golden` and gives all that it printed. */
async function run(script: string, ...args: string[]): Promise<string> {
  const { code, text } = await runPython(`scripts/golden/${script}.py`, args);
  assertEquals(code, 0, text);
  return text;
}

/** The line of JSON that a script prints. */
// deno-lint-ignore no-explicit-any -- what scripts print is for the tests to say
async function printed(script: string, ...args: string[]): Promise<any> {
  const text = await run(script, ...args);
  return JSON.parse(text.split("\n").find((line) => line.startsWith("{"))!);
}

/** Merges the base and the adapter of a folder. */
async function mergeIn(folder: string): Promise<void> {
  const [base, adapter, merged] = ["base", "adapter", "merged"].map((part) => `${folder}/${part}`);
  await lowrankJson("merge", "--model", base, "--adapter", adapter, "--output", merged);
}

/** Copies a base of the golden files with other fields in its configuration. */
async function baseWith(folder: string, name: string, fields: object): Promise<string> {
  await Deno.mkdir(folder);
  const config = JSON.parse(await Deno.readTextFile(golden(`${name}/config.json`)));
  await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify({ ...config, ...fields }));
  await Deno.copyFile(golden(`${name}/model.safetensors`), `${folder}/model.safetensors`);
  return folder;
}

for (
  const [name, options, dtype] of [
    ["gpt2_tiny", [], "float32"],
    ["gpt2_tiny_f16", [], "float16"],
    ["gpt2_tiny", ["--dtype", "bf16"], "bfloat16"],
  ] as const
) {
  Deno.test({
    name: `${name} ${
      options.join(" ")
    } is merged as PEFT merges it, in ${dtype}, with its configuration`,
    ignore: !await pythonHas("torch", "transformers", "peft"),
    fn: () =>
      withFolder(async (folder) => {
        const rates = { resid_pdrop: 0.1, embd_pdrop: 0.2, attn_pdrop: 0.3 };
        const fields = { ...rates, task_specific_params: { own: [1] }, summary_type: "mean" };
        const model = await baseWith(`${folder}/base`, name, fields), merged = `${folder}/merged`;
        const paths = ["--model", model, "--adapter", adapter];
        await lowrankJson("merge", ...paths, "--output", merged, ...options);
        const check = await printed("check_merged", ...paths, "--merged", merged);
        const { steps, difference, ...found } = check;
        const changed = 2 * 48 * 144, all = 61_104;
        const counts = { unchanged: all - changed, moved: 0, merged: changed };
        assertEquals(found, { config: true, dtype, ...counts });
        assertNear({ dtype, steps, difference }, name);
      }),
  });
}

for (const name of ["peft_dora", "peft_lora_bias", "peft_bias_all", "peft_tokens"]) {
  Deno.test({
    name: `${name} is merged as PEFT merges it`,
    ignore: !await pythonHas("torch", "transformers", "peft"),
    fn: () =>
      withFolder(async (folder) => {
        const paths = ["--model", golden("gpt2_tiny"), "--adapter", golden(`adapters/${name}`)];
        await lowrankJson("merge", ...paths, "--output", folder);
        const found = await printed("check_merged", ...paths, "--merged", folder);
        assertEquals([found.config, found.moved], [true, 0]);
        assertNear(found, name);
      }),
  });
}

/** The scripts' report on merged weights. */
interface Differences {
  readonly dtype: string;
  readonly steps: number;
  readonly difference: number;
}

/** PEFT sums B A in F32, ours in F64; where W + ΔW nearly vanishes, that is many steps of F32. */
function assertNear({ dtype, steps, difference }: Differences, what: string): void {
  if (dtype === "float32") assert(difference < 1e-6, `${what}: ${difference} apart`);
  else assert(steps <= 1, `${what}: ${steps} steps apart`);
}

/** The script's report on a family. */
interface MergedFamily extends Differences {
  readonly loaded: boolean;
  readonly config: boolean;
  readonly files: number;
}

Deno.test({
  name:
    "models that no forward pass is known of are merged as PEFT merges them, in the base's shards",
  ignore: !await pythonHas("torch", "transformers", "peft"),
  fn: () =>
    withFolder(async (folder) => {
      await run("merge_families", "make", folder);
      const names = filesIn(folder);
      assertEquals(names, ["bert", "gpt2", "gpt_neox", "llama", "mamba", "phi3", "qwen3", "t5"]);
      for (const name of names) await mergeIn(`${folder}/${name}`);
      const found: Record<string, MergedFamily> = await printed("merge_families", "check", folder);
      for (
        const [name, { loaded, config, files, dtype, steps, difference }] of Object.entries(found)
      ) {
        assertEquals([loaded, config, files > 2], [true, true, true], name);
        assertNear({ dtype, steps, difference }, name);
      }
      const dtypes = Object.values(found).map(({ dtype }) => dtype);
      assertEquals([...new Set(dtypes)].sort(), ["bfloat16", "float16", "float32"]);
    }),
});

/** The script's report on a new head. */
interface MergedHead {
  readonly loaded: boolean;
  readonly type: string;
  readonly difference: number;
}

Deno.test({
  name: "a classifier's adapter merges into a base without a classifier as transformers loads it",
  ignore: !await pythonHas("torch", "transformers", "peft"),
  fn: () =>
    withFolder(async (folder) => {
      await run("merge_heads", "make", folder);
      const names = filesIn(folder);
      assertEquals(names, ["bert", "deberta", "deberta-v2", "gpt2", "llama", "qwen2", "roberta"]);
      for (const name of names) await mergeIn(`${folder}/${name}`);
      const found: Record<string, MergedHead> = await printed("merge_heads", "check", folder);
      for (const [name, { loaded, type, difference }] of Object.entries(found)) {
        assertEquals([loaded, /ForSequenceClassification$/.test(type)], [true, true], name);
        assert(difference < 5e-6, `${name}: logits ${difference} apart`);
      }
    }),
});

Deno.test({
  name: "PEFT loads a resized classifier, which is the same where no rank was above the new one",
  ignore: !await pythonHas("torch", "transformers", "peft"),
  fn: () =>
    withFolder(async (folder) => {
      const only = ["--only", "bert"], adapter = `${folder}/bert/adapter`;
      await run("merge_families", "make", folder, ...only);
      await mergeIn(`${folder}/bert`);
      await Deno.rename(adapter, `${folder}/original`);
      await lowrankJson("resize", `${folder}/original`, "--rank", "4", "--output", adapter);
      const { bert } = await printed("merge_families", "check", folder, ...only);
      assertNear(bert, "the resized adapter in PEFT, the original one merged here");
    }),
});

Deno.test({
  name: "merge says the peak that the system counts, which has no copy of the model",
  ignore: !await pythonHas("resource"),
  fn: () =>
    withFolder(async (folder) => {
      // What the engine has not collected yet is tens of megabytes, the same for both.
      const [small, large] = [await peaks(`${folder}/256`, 256), await peaks(`${folder}/512`, 512)];
      for (const { said, counted } of [small, large]) assertAlmostEquals(said / counted, 1, 0.05);
      const [less, bytes] = await Promise.all(
        [256, 512].map(async (width) =>
          (await Deno.stat(`${folder}/${width}/model/model.safetensors`)).size
        ),
      );
      const more = large.counted - small.counted;
      assert(more < (bytes - less) / 2, `${more} bytes more for ${bytes - less} bytes more`);
    }),
});

/** Merges into a model of a width in a process of its own: bytes that it says, and that the system counts. */
async function peaks(folder: string, n_embd: number) {
  const [model, adapter, output] = ["model", "adapter", "out"].map((name) => `${folder}/${name}`);
  {
    const sizes = { vocab_size: 300, n_positions: 32, n_embd, n_layer: 12, n_head: 2 };
    using device = await openDevice({ kind: "cpu" });
    using made = initGpt2(device, parseGpt2Config(sizes), { seed: 1 });
    await saveModel(made, model);
    using lora = injectLora(made, { rank: 4, sites: ["q", "v"], seed: 1 });
    await lora.save(adapter);
  }
  const paths = ["--model", model, "--adapter", adapter, "--output", output];
  const command = [Deno.execPath(), ...lowrankArgs("merge", ...paths, "--json", "--quiet")];
  const text = await run("peak_memory", ...command);
  const [json, counted] = text.trim().split("\n");
  return { said: JSON.parse(json).processBytes, counted: Number(counted) };
}
