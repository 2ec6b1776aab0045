/** `lowrank convert`: forms of other programs, their proof, and what is refused. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { hostTensor } from "../../src/core/tensor.ts";
import {
  alphaOf,
  type HostTensor,
  readAdapter,
  writeAdapter,
  writeSafetensors,
} from "../../src/formats/mod.ts";
import { readRecord } from "../../src/formats/peft/folder.ts";
import { goodTensors, matrix, writeRawAdapter } from "../formats/adapter_folders.ts";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import { golden, tensorsOf } from "../support/golden.ts";
import "../support/open_lapack.ts";
import { assertFails, lowrank, lowrankJson, model } from "./lowrank.ts";

const weights = (folder: string) => tensorsOf(`${folder}/adapter_model.safetensors`);

const plainAdapters = ["peft_all_linear", "peft_c_attn", "peft_rslora", "peft_suffix", "block_qv"];

Deno.test("kohya's and loralib's form and back give PEFT's tensors byte for byte", () =>
  withFolder(async (folder) => {
    for (const name of plainAdapters) {
      for (const to of ["kohya", "loralib"]) {
        const [there, back] = [`${folder}/${name}-${to}`, `${folder}/${name}-${to}-back`];
        const adapter = golden(`adapters/${name}`);
        const forth = await lowrankJson("convert", adapter, "--to", to, "--output", there);
        const home = await lowrankJson("convert", there, "--output", back);
        assertEquals([forth.from, forth.to, home.from, home.to], ["peft", to, to, "peft"]);
        // A file of loralib has one α, so that B carries what others differ by.
        const alphas = new Set((await readAdapter(adapter)).updates.map((each) => alphaOf(each)));
        if (to === "kohya" || alphas.size === 1) {
          assertEquals(await weights(back), await weights(adapter), `${name} over ${to}`);
        }
        for (const { module, difference, limit } of [...forth.modules, ...home.modules]) {
          assert(difference <= limit, module);
        }
      }
    }
  }));

/** GPT-2's queries and values as loralib's `MergedLinear` has them. */
const merged = {
  "transformer.h.0.attn.c_attn.lora_A": matrix(4, 8),
  "transformer.h.0.attn.c_attn.lora_B": matrix(16, 2),
  "transformer.h.0.mlp.c_fc.lora_A": matrix(2, 8),
  "transformer.h.0.mlp.c_fc.lora_B": matrix(32, 2),
};

Deno.test("a MergedLinear becomes PEFT's module of twice the rank, and an α must be given", () =>
  withFolder(async (folder) => {
    const path = `${folder}/gpt2.safetensors`, peft = `${folder}/peft`;
    await writeSafetensors(path, Object.entries(merged));
    const command = ["convert", path, "--output", peft, "--enable-lora", "true,false,true"];
    await assertFails(command, "a file of loralib does not say its alpha: give --alpha");
    await lowrankJson(...command, "--alpha", "4");
    const tensors = await weights(peft), key = "base_model.model.transformer.h.0.attn.c_attn";
    assertEquals(tensors.get(`${key}.lora_A.weight`), matrix(4, 8));
    const B = tensors.get(`${key}.lora_B.weight`)!;
    const rows = Array.from({ length: 24 }, (_, i) => [...B.data.subarray(4 * i, 4 * i + 4)]);
    assertEquals(rows[0], [1, 2, 0, 0]);
    assertEquals(rows[8], [0, 0, 0, 0]);
    assertEquals(rows[16], [0, 0, 17, 18]);
    const { config, updates } = await readAdapter(peft);
    assertEquals(updates.map(({ scaling }) => scaling), [2, 2, 2]);
    assertEquals([config.rank, config.alpha], [4, 8]);
    const again = `${folder}/again`;
    await lowrankJson("convert", peft, "--to", "loralib", "--output", again);
    assertEquals(await tensorsOf(`${again}/lora.safetensors`), new Map(Object.entries(merged)));
  }));

Deno.test("a PEFT module with zeros between its blocks becomes a MergedLinear where that is asked for", () =>
  withFolder(async (folder) => {
    const block = golden("adapters/block_qv"), flags = ["--enable-lora", "true,false,true"];
    const raw = { ...JSON.parse(await Deno.readTextFile(`${block}/adapter_config.json`)) };
    // Without the note that names the sites, as other programs write it.
    await writeRawAdapter(folder, raw, Object.fromEntries(await weights(block)));
    const output = `${folder}/out`,
      { modules } = await lowrankJson(
        ...["convert", folder, "--to", "loralib", "--output", output, ...flags],
      );
    assertEquals(modules.map(({ difference }: { difference: number }) => difference), [0, 0]);
    for (const [name, { shape }] of await tensorsOf(`${output}/lora.safetensors`)) {
      assertEquals(shape, name.endsWith("A") ? [4, 48] : [96, 2], name);
    }
  }));

Deno.test("loralib's biases and heads become PEFT's bias and modules_to_save", () =>
  withFolder(async (folder) => {
    const path = `${folder}/a.safetensors`, peft = `${folder}/peft`;
    const beside: Record<string, HostTensor> = {
      "classifier.weight": matrix(2, 8),
      "classifier.bias": { shape: [2], data: Float32Array.of(3, 4) },
      "transformer.h.0.mlp.c_fc.bias": { shape: [32], data: new Float32Array(32).fill(2) },
    };
    await writeSafetensors(path, Object.entries({ ...merged, ...beside }));
    const facts = ["--alpha", "4", "--enable-lora", "true,false,true"];
    const { carried } = await lowrankJson("convert", path, "--output", peft, ...facts);
    assertEquals(carried, 3);
    const { saved, biases, biasMode } = await readAdapter(peft, { withSaved: true });
    assertEquals([[...saved.keys()], [...biases.keys()], biasMode], [
      ["classifier.bias", "classifier.weight"],
      ["transformer.h.0.mlp.c_fc.bias"],
      "lora_only",
    ]);
    const key = "transformer.h.0.mlp.c_fc.weight";
    await writeSafetensors(path, Object.entries({ ...merged, [key]: matrix(32, 8) }));
    const command = ["convert", path, "--output", `${folder}/other`, ...facts];
    await assertFails(
      command,
      `what was trained alone (lora_state_dict of loralib), found "${key}"`,
    );
  }));

Deno.test("base, task, labels and prompts survive other forms, or are given for their files", () =>
  withFolder(async (folder) => {
    const peft = `${folder}/peft`, { updates } = await readAdapter(golden("adapters/peft_c_attn"));
    const facts = {
      baseModelName: "openai-community/gpt2",
      taskType: "SEQ_CLS",
      fanInFanOut: true,
      labels: ["sea", "war"],
      promptFormat: { template: "Q: {prompt}", endOfTextFirst: true, separator: "" },
    };
    await writeAdapter(peft, { updates, ...facts });
    const factsOf = async (folder: string) => {
      const { baseModelName, taskType, fanInFanOut, labels, promptFormat } = await readRecord(
        folder,
      );
      return { baseModelName, taskType, fanInFanOut, labels, promptFormat };
    };
    for (const to of ["kohya", "loralib"]) {
      const [there, back] = [`${folder}/${to}`, `${folder}/${to}-back`];
      await lowrankJson("convert", peft, "--to", to, "--output", there);
      await lowrankJson("convert", there, "--output", back);
      assertEquals(await factsOf(back), facts, to);
    }
    const path = `${folder}/authors.safetensors`, output = `${folder}/out`;
    await writeSafetensors(path, Object.entries(merged));
    const command = ["convert", path, "--alpha", "4", "--enable-lora", "true,false,true"];
    const named = ["--base", model, "--task-type", "SEQ_CLS"];
    await lowrankJson(...command, ...named, "--output", output);
    const { baseModelName, taskType } = await factsOf(output);
    assertEquals([baseModelName, taskType], [model, "SEQ_CLS"]);
  }));

Deno.test("kohya's underscores are told from dots by the base, or not at all", () =>
  withFolder(async (folder) => {
    const path = `${folder}/k.safetensors`, name = "lora_te_transformer_h_0_attn_c_attn";
    const pair = {
      [`${name}.lora_down.weight`]: matrix(2, 32),
      [`${name}.lora_up.weight`]: matrix(96, 2),
    };
    await writeSafetensors(path, Object.entries(pair));
    const command = ["convert", path, "--output", `${folder}/peft`];
    await assertFails(command, `must be told from dots by the layers of the base, found "${name}"`);
    const { stderr } = await lowrank(...command, "--base", model);
    assertMatch(stderr, /no alpha in the file for 1 of 1 modules: their scaling is 1/);
    const { updates: [{ module, scaling }] } = await readAdapter(`${folder}/peft`);
    assertEquals([module, scaling], ["transformer.h.0.attn.c_attn", 1]);
    await lowrankJson("convert", path, "--output", `${folder}/b`, "--base", model, "--alpha", "6");
    assertEquals((await readAdapter(`${folder}/b`)).updates[0].scaling, 3);
  }));

Deno.test("PEFT's weights without their configuration need an α", () =>
  withFolder(async (folder) => {
    await writeSafetensors(`${folder}/a.safetensors`, Object.entries(goodTensors));
    const command = ["convert", folder, "--output", `${folder}/out`];
    await assertFails(command, "no adapter_config.json must have alpha of every module", "--alpha");
    assertEquals((await lowrankJson(...command, "--alpha", "4")).from, "peft");
    const { updates: [{ module, scaling }] } = await readAdapter(`${folder}/out`);
    assertEquals([module, scaling], ["transformer.h.0.attn.c_attn", 2]);
  }));

Deno.test("loralib's one alpha is that of an update that has one but 0", () =>
  withFolder(async (folder) => {
    const [one, other, again] = ["one", "other", "again"].map((name) => `${folder}/${name}`);
    const update = {
      A: hostTensor([1, 2], Float32Array.of(1, 2)),
      B: hostTensor([2, 1], Float32Array.of(3, 4)),
    };
    const updates = [["a", 0], ["b", 2]].map(([module, scaling]) => {
      return { ...update, module: `${module}`, scaling: Number(scaling) };
    });
    await writeAdapter(one, { updates });
    await lowrankJson("convert", one, "--to", "loralib", "--output", other);
    const { modules } = await lowrankJson("convert", other, "--output", again);
    assertEquals(modules.map(({ difference }: { difference: number }) => difference), [0, 0]);
    const [a, b] = (await readAdapter(again)).updates;
    assertEquals([a.B.data.map((value) => a.scaling * value), b.scaling], [
      Float32Array.of(0, 0),
      2,
    ]);
  }));

Deno.test("what a form cannot hold is refused, and so is a folder with another form", () =>
  withFolder(async (folder) => {
    const to = (
      name: string,
      form: string,
    ) => ["convert", golden(`adapters/${name}`), "--to", form, "--output", `${folder}/${form}`];
    await assertFails(
      to("peft_dora", "kohya"),
      "A, B and alpha alone, found DoRA",
      "lowrank combine",
    );
    await assertFails(to("peft_lora_bias", "loralib"), "alone, found a bias of B on");
    await assertFails(to("peft_tokens", "loralib"), "alone, found trained tokens of");
    await assertFails(to("peft_tables", "kohya"), "which was trained in full");
    const embedding = golden("state_dicts/llama/lora_target_embedding");
    for (const form of ["kohya", "loralib"]) {
      const command = ["convert", embedding, "--to", form, "--output", `${folder}/${form}`];
      await assertFails(command, "alone, found the adapted embedding");
    }
    assertEquals(filesIn(folder), []);
    const same = await lowrankJson("convert", embedding, "--output", `${folder}/embedding`);
    assertEquals(same.modules.map(({ difference }: { difference: number }) => difference), [0]);
    await lowrank(...to("peft_c_attn", "kohya"));
    await assertFails(
      ["convert", golden("adapters/peft_c_attn"), "--output", `${folder}/kohya`],
      "must not hold weights of another form, found pytorch_lora_weights.safetensors",
    );
  }));

Deno.test("convert names what it cannot read", () =>
  withFolder(async (folder) => {
    const output = ["--output", `${folder}/out`];
    await assertFails(["convert", "nowhere", ...output], "there is no such folder");
    await Deno.writeTextFile(`${folder}/roberta_lora_mnli.bin`, "");
    await assertFails(
      ["convert", folder, ...output],
      "a pickle can run code; make a safetensors file of it in its folder by python -c",
      'roberta_lora_mnli.safetensors"',
    );
    await writeSafetensors(`${folder}/w.safetensors`, [["h.0.weight", matrix(2, 2)]]);
    const keys =
      'its keys must be those of PEFT, kohya, diffusers or loralib, found ["h.0.weight"]';
    await assertFails(["convert", `${folder}/w.safetensors`, ...output], keys);
    await assertFails(["convert", model, ...output], "it holds a model");
    const peft = ["convert", golden("adapters/peft_c_attn"), ...output];
    await assertFails([...peft, "--alpha", "8"], "--alpha is for files that do not say it, found");
    await assertFails(
      [...peft, "--enable-lora", "true"],
      "--enable-lora is for loralib, found peft",
    );
    await assertFails([...peft, "--network", "te"], "--network is for --to kohya, found --to peft");
  }));
