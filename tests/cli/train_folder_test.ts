/** What `lowrank train` takes for its own: the bytes that it has saved, and nothing else. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { filesIn, withFolder } from "../support/folders.ts";
import { golden } from "../support/golden.ts";
import { argsFor, contents, cut, lora } from "./cut.ts";
import { assertFails, lowrank, lowrankJson, model } from "./lowrank.ts";

const other = golden("adapters/peft_c_attn");
const names = ["adapter_config.json", "adapter_model.safetensors"];
const refusal = "already holds an adapter that this training has not made";

async function copy(from: string, to: string, files = filesIn(from)): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for (const name of files) await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
}

async function assertHolds(folder: string, from: string): Promise<void> {
  for (const name of names) {
    assertEquals(await Deno.readFile(`${folder}/${name}`), await Deno.readFile(`${from}/${name}`));
  }
}

Deno.test("weights that have replaced those of a finished training are not called trained", () =>
  withFolder(async (folder) => {
    const output = `${folder}/out`, args = [...await argsFor(folder, { steps: 2 }), output];
    await lowrankJson(...args, "--method", "lora");
    await lowrankJson("resize", other, "--rank", "1", "--output", `${folder}/resized`);
    await copy(`${folder}/resized`, output);
    const resized = await contents(output);
    await assertFails([...args, "--method", "lora"], refusal, `remove ${names.join(" and ")}\n`);
    assertEquals(await contents(output), resized);
  }));

Deno.test("a finished model whose configuration was edited is not called trained", () =>
  withFolder(async (folder) => {
    const output = `${folder}/out`, config = `${output}/config.json`;
    const args = [...await argsFor(folder, { steps: 2, method: "full" }), output];
    await lowrankJson(...args);
    await lowrankJson(...args);
    const edited = { ...JSON.parse(await Deno.readTextFile(config)), n_head: 2 };
    await Deno.writeTextFile(config, JSON.stringify(edited));
    await assertFails(args, "already holds a model that this training has not made");
  }));

Deno.test("a training that was stopped does not write over weights that it has not made", () =>
  withFolder(async (folder) => {
    const output = `${folder}/out`, args = [...await argsFor(folder, { method: lora }), output];
    assertEquals((await cut(args, output, "SIGTERM")).code, 143);
    await copy(output, `${folder}/stopped`, names);
    await copy(other, output, names);
    await assertFails(args, refusal, `remove ${names.join(" and ")}\n`);
    await assertHolds(output, other);
    await copy(`${folder}/stopped`, output);
    const { code, stderr } = await lowrank(...args);
    assertEquals(code, 0, stderr);
    assertStringIncludes(stderr, "resuming after step");
  }));

Deno.test("weights that are put beside a training in progress are not written over", () =>
  withFolder(async (folder) => {
    const output = `${folder}/out`, args = [...await argsFor(folder, { method: lora }), output];
    await cut(args, output, "SIGKILL");
    await copy(other, output, names);
    await assertFails(args, refusal);
    await assertHolds(output, other);
  }));

Deno.test("a refusal names at once everything that must be removed", () =>
  withFolder(async (folder) => {
    const output = `${folder}/out`, args = [...await argsFor(folder, { method: lora }), output];
    await cut(args, output, "SIGTERM");
    await assertFails(
      [...args, "--seed", "7"],
      "holds a training in progress with seed 0 instead of 7, which its own command resumes; " +
        "for this one choose another folder\n",
    );
    await copy(other, output, names);
    for (const change of [["--seed", "7"], ["--method", "full"]]) {
      const { code, stderr } = await lowrank(...args, ...change, "--quiet");
      assertEquals(code, 1);
      const [, list] = stderr.match(/, or remove (.*)\n$/)!;
      assertEquals(list.split(" and "), [...names, "run/"]);
    }
    const short = [...await argsFor(folder, { steps: 2, method: lora }), output];
    for (const name of [...names, "run"]) {
      await Deno.remove(`${output}/${name}`, { recursive: true });
    }
    await lowrankJson(...short);
  }));

Deno.test("a training resumes when its model and the adapter that it began with have been moved", () =>
  withFolder(async (folder) => {
    const output = `${folder}/out`, [from, to] = [`${folder}/from`, `${folder}/to`];
    const args = [...await argsFor(folder, {}), output];
    const inputs = (
      place: string,
    ) => ["--model", `${place}/model`, "--adapter", `${place}/adapter`];
    await copy(model, `${from}/model`);
    await copy(other, `${from}/adapter`);
    await cut([...args, ...inputs(from)], output, "SIGKILL");
    await Deno.rename(from, to);
    const { code, stderr } = await lowrank(...args, ...inputs(to));
    assertEquals(code, 0, stderr);
    assertMatch(stderr, /resuming after step \d+/);
  }));

Deno.test("a training in progress is known by what differs from it", () =>
  withFolder(async (folder) => {
    const output = `${folder}/out`, args = await argsFor(folder, { method: lora });
    await cut([...args, output], output, "SIGKILL");
    const differs = async (sentence: string, ...change: string[]) => {
      await assertFails(
        [...args, output, ...change],
        `in progress with ${sentence}, which its own`,
      );
    };
    await differs("seed 0 instead of 7", "--seed", "7");
    const both = ["--rank", "1", "--seed", "7"];
    await differs("rank 2 instead of 1 and seed 0 instead of 7", ...both);
    await copy(model, `${folder}/model`);
    const file = `${folder}/model/model.safetensors`, bytes = await Deno.readFile(file);
    await Deno.writeFile(file, bytes.with(-1, bytes.at(-1)! ^ 1));
    await differs("another base model", "--model", `${folder}/model`);
    assert(filesIn(`${output}/run`).length === 1);
    await Deno.writeTextFile(`${output}/run/${filesIn(`${output}/run`)[0]}/spec.json`, "[");
    await differs("other settings, batches or weights", "--seed", "7");
  }));
