/** Every method from the command line: train, use, train further, and what is refused. */

import { assert, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import { methodTitle } from "../../src/cli/method_entries.ts";
import { methodKinds } from "../../src/runs/mod.ts";
import { withFolder } from "../support/folders.ts";
import { readSafetensors } from "../../src/formats/mod.ts";
import { assertFails, lowrank, lowrankJson } from "./lowrank.ts";

const base = "models/tiny-gpt2", prompts = "examples/alarms.jsonl";
const others = methodKinds.filter((kind) => kind !== "full");

for (const method of others) {
  Deno.test(`train --method ${method}: its adapter is used, and trained further`, () =>
    withFolder(async (folder) => {
      const to = (name: string) => `${folder}/${name}`;
      const trained = (...rest: string[]) =>
        lowrankJson("train", "--model", base, "--data", prompts, ...rest);
      const given = ["--steps", "4", "--batch-size", "2"];
      const made = await trained("--method", method, ...given, "--output", to("first"));
      assertEquals(made.steps, 4);
      assert(made.trainable > 0);
      const lossWith = async (...rest: string[]) =>
        (await lowrankJson("evaluate", "--model", base, "--data", prompts, ...rest)).loss;
      const [before, after] = [await lossWith(), await lossWith("--adapter", to("first"))];
      assert(after < before, `${after} < ${before}`);
      await trained("--adapter", to("first"), ...given, "--output", to("second"));
      const file = method === "bottleneck" ? "adapter" : "adapter_model";
      const valuesIn = async (name: string) =>
        (await readSafetensors(`${to(name)}/${file}.safetensors`)).tensors;
      const [one, two] = [await valuesIn("first"), await valuesIn("second")];
      assertEquals([...two.keys()], [...one.keys()]);
      assertNotEquals([...two.values()], [...one.values()]);
    }));
}

for (const method of others) {
  Deno.test(`train --method ${method}: a classifier's new head is trained and loaded with it`, () =>
    withFolder(async (folder) => {
      const paths = ["--model", "models/tiny-roberta", "--data", "examples/kinds.jsonl"];
      const output = ["--steps", "60", "--batch-size", "4", "--validation", "0"];
      const given = ["--method", method, "--learning-rate", "5e-3", ...output];
      await lowrankJson("train", ...paths, ...given, "--output", `${folder}/out`);
      const found = await lowrankJson("evaluate", ...paths, "--adapter", `${folder}/out`);
      assert(found.accuracy > found.mostFrequent, `${found.accuracy} > ${found.mostFrequent}`);
    }));
}

Deno.test("an option of another method is refused, and commands for low-rank updates say so", () =>
  withFolder(async (folder) => {
    const paths = ["--model", base, "--data", prompts, "--output", `${folder}/out`];
    const train = (...rest: string[]) => ["train", ...paths, ...rest];
    await assertFails(
      train("--method", "bitfit", "--rank", "4"),
      "the method bitfit takes no --rank, found --rank 4, which is of --method lora",
    );
    await assertFails(
      train("--method", "lora", "--size", "4"),
      "the method lora takes no --size, found --size 4, which is of --method bottleneck",
    );
    await assertFails(
      train("--method", "vera", "--prefix-length", "4"),
      "the method vera takes no --prefix-length, found --prefix-length 4, which is of --method prefix-",
    );
    await Deno.writeTextFile(`${folder}/c.json`, '{"method": {"name": "bitfit", "rank": 4}}');
    await assertFails(train("--config", `${folder}/c.json`), "method may have name, modulesToSave");
    const { stderr } = await lowrank(...train("--method", "bitfits"));
    assertStringIncludes(stderr, "bitfits");
    await lowrankJson(...train("--method", "bitfit", "--steps", "1"));
    const merge = ["--model", base, "--adapter", `${folder}/out`, "--output", `${folder}/merged`];
    const { stdout } = await lowrank("merge", ...merge);
    assert(stdout.startsWith("took 13 tensors from the adapter\n"), stdout);
    await assertFails(
      ["inspect", "tests/golden/adapterhub/gpt2_drop"],
      'found "bottleneck" of the adapters library in tests/golden/adapterhub/gpt2_drop\n',
    );
  }));

Deno.test("bottlenecks take a variant, a width and layers to leave out", () =>
  withFolder(async (folder) => {
    const given = ["--model", base, "--data", prompts, "--steps", "1", "--batch-size", "2"];
    const train = (...rest: string[]) => [
      ...["train", ...given, "--method", "bottleneck", "--output", `${folder}/out`],
      ...rest,
    ];
    const drop = ["--variant", "drop", "--size", "4"];
    await assertFails(train(...drop), "drop needs the lowest layers in leaveOut");
    await assertFails(train(...drop, "--leave-out", "5"), "leaveOut must list layers");
    const { trainable } = await lowrankJson(...train(...drop, "--leave-out", "0"));
    assertEquals(trainable, 2 * 4 * 256 + 4 + 256);
  }));

Deno.test("LoRA joined with a prefix begins as LoRA alone does, but not at the weights", () =>
  withFolder(async (folder) => {
    const config = `${folder}/c.json`, paths = ["--model", base, "--data", prompts];
    for (const name of ["lora+prefix-embedding", "lora+prefix-layer"]) {
      for (const init of ["pissa", "olora"]) {
        await Deno.writeTextFile(config, JSON.stringify({ method: { name, init } }));
        await assertFails(
          ["train", ...paths, "--config", config, "--output", `${folder}/out`],
          `method: init must be kaiming or gaussian, found "${init}"`,
        );
      }
    }
  }));

Deno.test("a variant of LoRA has its own name", () => {
  const lora = { kind: "lora", rank: 4, sites: ["q", "v"] } as const;
  const titleOf = (more: object) => methodTitle({ ...lora, ...more });
  assertEquals(titleOf({}), "LoRA of rank 4 on q, v");
  assertEquals(titleOf({ rankStabilized: true }), "rsLoRA of rank 4 on q, v");
  assertEquals(titleOf({ init: "pissa" }), "PiSSA of rank 4 on q, v");
  assertEquals(
    titleOf({ sites: undefined, targetModules: ["c_attn"], dora: true }),
    "DoRA of rank 4 on c_attn",
  );
});
