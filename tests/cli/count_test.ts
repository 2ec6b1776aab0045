/** `lowrank count` against counts that PEFT prints, and what a stranger may hand to it and to `memory`. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { withFolder } from "../../scripts/support/folders.ts";
import { sparseFile, textFile, whole, withServer } from "../support/range_server.ts";
import { assertFails, lowrank, lowrankJson, model } from "./lowrank.ts";

Deno.test("a configuration has the parameters that PEFT counts, also module by module", async () => {
  const method = ["--method", "lora", "--rank", "8", "--target-modules", "all-linear"];
  const counted = await lowrankJson("count", "gpt2", ...method);
  assertEquals([counted.trainable, counted.total], [1_179_648, 125_619_456]);
  assertEquals(counted.percent.toFixed(4), "0.9391");
  const sum = (key: string) =>
    counted.byModule.reduce((all: number, row: Record<string, number>) => all + row[key], 0);
  assertEquals([sum("trainable"), sum("parameters")], [1_179_648, 125_619_456]);
  const medium = await lowrankJson("count", "gpt2-medium", "--rank", "4");
  assertEquals(medium.trainable, 393_216); // q and v: the paper's 0.35M
});

Deno.test("target modules may be a pattern for whole names, told by its operators", async () => {
  const count = async (targets: string) =>
    await lowrankJson("count", "gpt2", "--rank", "2", "--target-modules", targets);
  const list = await count("attn.c_proj,c_fc");
  assertEquals(await count(".*(attn\\.c_proj|\\.c_fc)"), list);
  assertEquals(list.trainable, 12 * 2 * (768 + 768 + 768 + 3072));
  await assertFails(
    ["count", "gpt2", "--rank", "2", "--target-modules", "(c_attn"],
    "targetModules must close every group that it opens",
  );
});

Deno.test("a rank larger than the matrix counts as PEFT counts it", async () => {
  const { trainable } = await lowrankJson("count", "--model", model, "--rank", "49");
  assertEquals(trainable, 2 * 2 * 49 * (48 + 48));
});

Deno.test("if no module matches, the error lists names that exist", async () => {
  const args = ["count", "--model", model, "--rank", "2"];
  await assertFails(
    [...args, "--target-modules", "c_attn,query"],
    "(c_attn, c_proj, c_fc)",
    'found "query"',
  );
  await assertFails([...args, "--sites", "q,w"], "(q, k, v, o, up, down), or", 'found "w"');
});

Deno.test("without a method, everything is trained", async () => {
  const { total, trainable, percent } = await lowrankJson("count", "--model", model);
  assertEquals([trainable, percent], [total, 100]);
});

Deno.test("the text output has PEFT's line below the table", async () => {
  const { code, stdout, stderr } = await lowrank("count", "--model", model, "--rank", "2");
  assertEquals([code, stderr], [0, ""]);
  const line = "trainable params: 768 || all params: 61,872 || trainable%: 1.2413\n";
  assertStringIncludes(stdout, line);
  // Training announces another share of the same: 768 of the 61,104 that the base has.
  assertStringIncludes(stdout, "of the model's own 61,104 it trains 1.26%\n");
  // A frozen A is none of the model's values.
  const half = await lowrank("count", "--model", model, "--rank", "2", "--freeze-a");
  assertStringIncludes(half.stdout, "of the model's own 61,104 it trains 0.628%\n");
});

Deno.test("a published model can be counted by its name", async () => {
  assertEquals((await lowrankJson("count", "gpt3-175b")).total, 174_604_259_328);
  const adapted = await lowrankJson("count", "gpt3-175b", "--rank", "4", "--sites", "q,v");
  assertEquals(adapted.trainable, 18_874_368);
  const classifier = ["roberta-base", "--labels", "2", "--rank", "8"];
  const { trainable, total, byModule } = await lowrankJson("count", ...classifier);
  assertEquals([trainable, total], [887_042, 125_534_212]);
  assertEquals(byModule.at(-1), { name: "classifier.out_proj", parameters: 3076, trainable: 1538 });
});

Deno.test("the text output shows equal layers as one row, and the parameters per rank", async () => {
  const { stdout } = await lowrank("count", "llama-3.2-3b");
  const line = stdout.split("\n").find((line) => line.includes("mlp.up_proj"))!;
  assertEquals(line.split(/ +/), [
    "model.layers.0…27.mlp.up_proj",
    "28",
    "25,165,824",
    "25,165,824",
  ]);
  assertStringIncludes(
    stdout,
    "LoRA on q_proj, v_proj (PEFT's default): 286,720 parameters per rank\n",
  );
});

Deno.test("the text output shows the sizes of checkpoints: the paper's 350 GB and its 35 MB", async () => {
  const { stdout } = await lowrank("count", "gpt3-175b", "--rank", "4");
  const sizes = "37.7 MB in F16 or BF16, 75.5 MB in F32; all values: 349 GB and 698 GB\n";
  assertStringIncludes(stdout, `trained values on disk: ${sizes}`);
});

Deno.test("a safetensors file is counted from its header", async () => {
  const { total, trainable } = await lowrankJson(
    "count",
    `${model}/model.safetensors`,
    "--rank",
    "2",
  );
  assertEquals([trainable, total], [768, 61_872]);
});

Deno.test("where only names tell linear layers from others, counting all of them says so", async () => {
  const file = `${model}/model.safetensors`, guess = "is guessed from their names";
  for (const all of [["--target-modules", "all-linear"], ["--sites", "all"]]) {
    assertStringIncludes((await lowrankJson("count", file, ...all)).caveat, guess);
    assertStringIncludes((await lowrank("count", file, ...all)).stdout, guess);
    assertEquals("caveat" in await lowrankJson("count", model, ...all), false);
  }
  assertEquals("caveat" in await lowrankJson("count", file, "--sites", "q,v"), false);
});

const shards = {
  "/m/model.safetensors.index.json": textFile(JSON.stringify({
    weight_map: {
      "h.0.attn.q_proj.weight": "a.safetensors",
      "h.0.attn.v_proj.weight": "b.safetensors",
    },
  })),
  "/m/a.safetensors": sparseFile({ "h.0.attn.q_proj.weight": [16384, 16384] }),
  "/m/b.safetensors": sparseFile({ "h.0.attn.v_proj.weight": [16384, 16384] }),
};

Deno.test("a sharded model at a URL is counted from its headers, and no other byte is read", () =>
  withServer(shards, async (address, traffic) => {
    const counted = await lowrankJson("count", "--url", `${address}/m`, "--rank", "3");
    const trainable = 2 * 3 * (16384 + 16384);
    assertEquals([counted.trainable, counted.total], [trainable, 2 * 16384 ** 2 + trainable]);
    const headers = Object.values(shards).reduce((sum, { start }) => sum + start.length, 0);
    assertEquals(traffic.bytes, headers);
    const { stderr } = await lowrank("count", "--url", `${address}/m`);
    assertEquals(stderr, `read ${headers} bytes of 1.07 GB\n`);
  }));

Deno.test("what cannot be counted gives one sentence", async () => {
  await assertFails(
    ["count", "gpt5"],
    "cannot read gpt5: it does not exist, and is none of the models",
  );
  const meant = {
    mistral: "mistral-7b-v0.1",
    "mistral-7b": "mistral-7b-v0.1",
    "Llama-3": "llama-3-8b or llama-3.2-3b",
    "gtp2-xl": "gpt2-xl",
  };
  for (const [name, names] of Object.entries(meant)) {
    await assertFails(["count", name], `, pythia-12b); did you mean ${names}?`);
  }
  await assertFails(["count", "whisper"], ", pythia-12b)\n");
  await assertFails(["count", "gpt2", "--url", "http://a/b"], "found gpt2 and http://a/b");
  await assertFails(["count", "--url", "gpt2"], "an address must begin with https:// or http://");
  await assertFails(
    ["count", `${model}/model.safetensors`, "--labels", "2"],
    "--labels needs a model's configuration, whose head it replaces, found the tensors of a file",
  );
  await withServer(shards, async (address) => {
    const args = ["count", "--url", `${address}/m/a.safetensors`];
    await assertFails(args, "ignored one; the file was not downloaded");
  }, whole);
});

const small = {
  model_type: "gpt2",
  vocab_size: 9,
  n_positions: 8,
  n_embd: 8,
  n_layer: 1,
  n_head: 2,
};

/** Changes of a configuration, and what is said of them. */
const configs: [changes: Record<string, unknown>, sentence: string][] = [
  [{ n_layer: 1e9 }, "a model may have up to 4096 layers here, found 1000000000"],
  [
    { n_embd: 2 ** 40 },
    "a model must have fewer than 2^53 parameters to be counted, found about 1.5e+25",
  ],
  [{ n_embd: -8 }, "needs n_embd to be a positive integer, found -8"],
  [{ n_embd: "8" }, 'needs n_embd to be a positive integer, found "8"'],
  [{ n_layer: 1.5 }, "needs n_layer to be a positive integer, found 1.5"],
  [{ vocab_size: null }, "needs vocab_size to be a positive integer, found null"],
  [
    { n_inner: "x", n_positions: undefined },
    "needs n_positions to be a positive integer, found nothing",
  ],
  [{ model_type: "mamba" }, "must have a model_type of gpt2, bert"],
];

Deno.test("an impossible configuration is refused before anything is listed", () =>
  withFolder(async (folder) => {
    const path = `${folder}/config.json`;
    for (const [changes, sentence] of configs) {
      await Deno.writeTextFile(path, JSON.stringify({ ...small, ...changes }));
      await assertFails(["count", path], sentence);
    }
    await Deno.writeTextFile(path, "[]");
    await assertFails(["count", path], "a configuration must be a JSON object");
    await Deno.writeTextFile(path, JSON.stringify({ ...small, n_embd: 2 ** 40 }));
    await assertFails(["memory", path], "fewer than 2^53 parameters");
    const vast = { ...small, n_embd: 2 ** 20, vocab_size: 2 ** 32 - 1 };
    await Deno.writeTextFile(path, JSON.stringify(vast));
    const step = ["memory", path, "--rank", "1", "--length", "8"];
    await assertFails(step, "a tensor of a model may have at most 17179869184 values, found");
    await Deno.writeTextFile(path, JSON.stringify({ ...vast, n_embd: 2 }));
    await assertFails(step, "needs at most 67108864 rows, found 4294967295");
    await Deno.writeTextFile(path, JSON.stringify({ ...small, n_embd: 2, n_inner: 2 ** 32 }));
    const sentence = "the bytes of a step must be below 2^53 to be exact, found about";
    await assertFails([...step, "--batch", `${2 ** 17}`], sentence);
  }));

Deno.test("files and names that are not models give different errors", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/notes.txt`, "");
    await assertFails(
      ["count", `${folder}/notes.txt`],
      "it must be a folder, a .json or a .safetensors file, or a model's name",
    );
    await assertFails(["count", `${folder}/none`], "it does not exist, and is none of the models");
    for (const name of ["toString", "__proto__"]) {
      await assertFails(["count", name], `cannot read ${name}: it does not exist`);
    }
    await assertFails(["count", ""], "It must not be empty");
    const nothing = new Uint8Array(10);
    nothing.set([2], 0);
    nothing.set(new TextEncoder().encode("{}"), 8);
    await Deno.writeFile(`${folder}/empty.safetensors`, nothing);
    await assertFails(
      ["count", `${folder}/empty.safetensors`],
      "counting needs a model with parameters, found none",
    );
  }));

Deno.test("impossible ranks, selections and sizes are named", async () => {
  for (const rank of ["0", "NaN", "-4", "1e3", "0x8", "4.5", ""]) {
    await assertFails(["count", "gpt2", "--rank", rank], "--rank", "a whole number of at least 1");
  }
  await assertFails(["memory", "gpt2", "--rank", "769"], "a whole number from 1 to 768, found 769");
  const both = ["--rank", "2", "--sites", "q,v", "--target-modules", "c_attn"];
  for (const command of ["count", "memory"]) {
    await assertFails(
      [command, "gpt2", ...both],
      "an adapter takes --sites or --target-modules, found both: q,v and c_attn",
    );
  }
  await assertFails(["memory", "gpt2", "--batch", "99999999999"], "up to 67108864 tokens, found");
});

Deno.test("packed values are not counted as parameters", () =>
  withFolder(async (folder) => {
    const { start } = sparseFile({ "a.weight": [8, 8] });
    const text = new TextDecoder().decode(start.subarray(8)).replace('"BF16"', '"I16" ');
    const bytes = new Uint8Array(start.length + 128);
    bytes.set(start.subarray(0, 8));
    bytes.set(new TextEncoder().encode(text), 8);
    await Deno.writeFile(`${folder}/model.safetensors`, bytes);
    await assertFails(
      ["count", folder],
      "a.weight must hold floats of 16 bits or more",
      "found I16",
    );
  }));
