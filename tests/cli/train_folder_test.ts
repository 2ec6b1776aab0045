/** `lowrank train` replaces only bytes that it has saved itself. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import { golden } from "../support/golden.ts";
import { argsFor, contents, copyFiles, kill, lora, stop } from "./cut.ts";
import { assertFails, lowrank, lowrankJson, model } from "./lowrank.ts";
import { smallBase } from "./sweeps.ts";

const other = golden("adapters/peft_c_attn");
const names = ["adapter_config.json", "adapter_model.safetensors"];
const refusal = "already holds an adapter that this training has not made";

async function assertHolds(folder: string, from: string): Promise<void> {
  for (const name of names) {
    assertEquals(await Deno.readFile(`${folder}/${name}`), await Deno.readFile(`${from}/${name}`));
  }
}

/** Copies the golden model with one bit of its weights changed. */
async function copyChanged(folder: string): Promise<string> {
  await copyFiles(model, folder);
  const file = `${folder}/model.safetensors`, bytes = await Deno.readFile(file);
  await Deno.writeFile(file, bytes.with(-1, bytes.at(-1)! ^ 1));
  return folder;
}

Deno.test("a training that is finished is not done again, nor with its defaults said, and says the same", () =>
  withFolder(async (folder) => {
    const asked = { steps: 2, method: lora }, output = `${folder}/out`;
    const args = [...await argsFor(folder, asked), output];
    const first = await lowrankJson(...args), before = await contents(output);
    // A process killed while it removed what it had needed to resume leaves this.
    await Deno.mkdir(`${output}/run/some`, { recursive: true });
    assertEquals(await lowrankJson(...args), first);
    assertEquals(await contents(output), before);
    await argsFor(folder, { ...asked, activationCheckpointing: false });
    const { code, stderr } = await lowrank(...args);
    assertEquals(code, 0);
    assertMatch(stderr, /\nalready trained: the adapter after 2 steps is in [^\n]*\n$/);
    for (const name of names) await Deno.remove(`${output}/${name}`);
    assertEquals(await lowrankJson(...args), first);
    assertEquals(await contents(output), before);
  }));

Deno.test("a finished folder says how it was trained, and in what another training differs", () =>
  withFolder(async (folder) => {
    const { model, data } = await smallBase(folder), output = `${folder}/out`;
    const args = ["train", "--model", model, "--data", data, "--steps", "2", "--output", output];
    const rate = ["--learning-rate", "0.001"];
    await lowrankJson(...args, ...rate);
    const { spec } = JSON.parse(await Deno.readTextFile(`${output}/run.json`));
    assertEquals(spec.method, { kind: "lora", rank: 8, sites: ["q", "v"] });
    const { steps, learningRate, schedule } = spec.training;
    assertEquals([steps, learningRate, schedule, spec.seed], [2, 0.001, "linear", 0]);
    const same = await lowrank(...args, ...rate, "--alpha", "8");
    assertStringIncludes(same.stderr, "already trained: the adapter after 2 steps is in");
    const before = await contents(output);
    const differs = async (sentence: string, ...more: string[]) => {
      const further = `to train it further, give --adapter ${output} and another --output`;
      await assertFails(
        [...args, ...more],
        `${output} ${refusal} (it was made with ${sentence}; ${further})`,
      );
    };
    await differs("learningRate 0.001 instead of 0.002", "--learning-rate", "0.002");
    const both = "rank 8 instead of 4 and seed 0 instead of 1";
    await differs(both, ...rate, "--rank", "4", "--seed", "1");
    await differs('held-out texts "usual" instead of 0.2', ...rate, "--validation", "0.2");
    await Deno.writeTextFile(data, "the cat\nthe dog\nthe log");
    await differs("another data", ...rate);
    assertEquals(await contents(output), before);
  }));

Deno.test("a finished adapter is not trained over: not as its own beginning, nor with another base", () =>
  withFolder(async (folder) => {
    const first = `${folder}/first`, args = await argsFor(folder, { steps: 2, method: "lora" });
    await lowrankJson(...args, first);
    const before = await contents(first);
    await assertFails([...args, first, "--adapter", first], "must not be the input folder itself");
    const changed = await copyChanged(`${folder}/base`);
    const onBase = [...args, changed, "--model", changed];
    await assertFails(onBase, `must not be the input folder itself, found ${changed}`);
    await assertFails([...args, first, "--model", changed], `${first} already holds an adapter`);
    assertEquals(await contents(first), before);
  }));

Deno.test("weights that have replaced those of a finished training are not called trained", () =>
  withFolder(async (folder) => {
    const output = `${folder}/out`;
    const args = [...await argsFor(folder, { steps: 2, method: "lora" }), output];
    await lowrankJson(...args);
    await lowrankJson("resize", other, "--rank", "1", "--output", `${folder}/resized`);
    await copyFiles(`${folder}/resized`, output);
    const resized = await contents(output);
    await assertFails(args, refusal, `remove ${names.join(" and ")}\n`);
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
    assertEquals((await stop("SIGTERM", ...args)).code, 143);
    await copyFiles(output, `${folder}/stopped`, names);
    await copyFiles(other, output, names);
    await assertFails(args, refusal, `remove ${names.join(" and ")}\n`);
    for (const change of [["--seed", "7"], ["--method", "full"]]) {
      const { code, stderr } = await lowrank(...args, ...change, "--quiet");
      assertEquals(code, 1);
      const [, list] = stderr.match(/, or remove (.*)\n$/)!;
      assertEquals(list.split(" and "), [...names, "run/"], "everything at once");
    }
    await assertHolds(output, other);
    await copyFiles(`${folder}/stopped`, output);
    const { code, stderr } = await lowrank(...args);
    assertEquals(code, 0, stderr);
    assertStringIncludes(stderr, "resuming after step");
  }));

Deno.test("a training in progress is known by what differs from it, and weights beside it stay", () =>
  withFolder(async (folder) => {
    const output = `${folder}/out`, args = [...await argsFor(folder, { method: lora }), output];
    await kill(...args);
    const [run] = filesIn(`${output}/run`), before = await contents(`${output}/run/${run}`);
    const rule = "which its own command resumes; for this one choose another folder\n";
    const differs = (sentence: string, ...change: string[]) =>
      assertFails([...args, ...change], `a training in progress with ${sentence}, ${rule}`);
    await differs("seed 0 instead of 7", "--seed", "7");
    await differs("rank 2 instead of 1 and seed 0 instead of 7", "--rank", "1", "--seed", "7");
    await differs("another base model", "--model", await copyChanged(`${folder}/model`));
    assertEquals(filesIn(`${output}/run`), [run]);
    assertEquals(await contents(`${output}/run/${run}`), before);
    await copyFiles(other, output, names);
    await assertFails(args, refusal);
    await assertHolds(output, other);
    for (const name of names) await Deno.remove(`${output}/${name}`);
    await Deno.writeTextFile(`${output}/run/${run}/spec.json`, "[");
    await differs("other settings, batches or weights", "--seed", "7");
    await Deno.remove(`${output}/run`, { recursive: true });
    await lowrankJson(...args, "--seed", "7", "--steps", "1");
  }));
