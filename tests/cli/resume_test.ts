/** `lowrank train` called again: it resumes what was killed or stopped, to the same bytes. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { stoppedText } from "../../src/cli/train_account.ts";
import { Interrupted } from "../../src/core/interrupt.ts";
import { emptyLog } from "../../src/train/mod.ts";
import { filesIn, withFolder } from "../support/folders.ts";
import { argsFor, contents, cut, lora, steps, untilCheckpoint } from "./cut.ts";
import { golden } from "../support/golden.ts";
import { assertFails, lowrank, lowrankJson, model, outcomeOf, spawnLowrank } from "./lowrank.ts";

const exitCodes: Partial<Record<Deno.Signal, number>> = {
  SIGINT: 130,
  SIGTERM: 143,
  SIGHUP: 129,
  SIGKILL: 137,
};

/** Cuts a training off, calls it again and compares it with one that was not cut off. */
async function assertResumes(folder: string, args: string[], signal: Deno.Signal): Promise<void> {
  const output = `${folder}/cut`,
    whole = `${folder}/whole`,
    to = (place: string) => [...args, place];
  await lowrankJson(...to(whole));
  const { code } = await cut([...to(output), "--quiet"], output, signal);
  assertEquals(code, exitCodes[signal]);
  assertEquals(filesIn(output).includes("log.json"), signal !== "SIGKILL");
  const again = await lowrank(...to(output));
  assertEquals(again.code, 0, again.stderr);
  assert(/resuming after step \d{3,}\n/.test(again.stderr), again.stderr);
  assertStringIncludes(again.stderr, `after ${steps} steps to ${output}`);
  assertEquals(await contents(output), await contents(whole));
  for (const place of [output, whole]) {
    const { seconds, ms } = JSON.parse(await Deno.readTextFile(`${place}/times.json`));
    const all = ms.reduce((sum: number, one: number) => sum + one, 0);
    assertEquals([ms.length, all <= 1000 * seconds + 1], [steps, true], `${all} ms, ${seconds} s`);
  }
}

Deno.test("training that was killed resumes to the bytes of one that was not: an adapter", () =>
  withFolder(async (folder) => {
    await assertResumes(folder, await argsFor(folder, { method: lora }), "SIGKILL");
  }));

Deno.test("training that was killed resumes to the bytes of one that was not: a model", () =>
  withFolder(async (folder) => {
    await assertResumes(folder, await argsFor(folder, { method: "full" }), "SIGKILL");
  }));

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  Deno.test(`training that ${signal} stopped resumes to the bytes of one that it did not`, () =>
    withFolder(async (folder) => {
      await assertResumes(folder, await argsFor(folder, { method: lora }), signal);
    }));
}

Deno.test("what a stop says is what it leaves: steps, place, and how to continue", () =>
  withFolder(async (folder) => {
    const output = `${folder}/out`, args = await argsFor(folder, { method: lora });
    const { stderr } = await cut([...args, output], output, "SIGTERM");
    const { loss } = JSON.parse(await Deno.readTextFile(`${output}/log.json`));
    assertStringIncludes(
      stderr,
      `stopped by SIGTERM after step ${loss.length} of ${steps}: run the same command again to resume; ` +
        `the values of step ${loss.length} are in ${output}\n`,
    );
  }));

Deno.test("a stop names the step whose values it leaves: the lowest measured since the start, or the last", () => {
  const spec = { training: { steps: 9 } } as Parameters<typeof stoppedText>[0];
  const said = (heldOut: number[]) => {
    const points = heldOut.map((loss, i) => ({ step: 2 * i, loss }));
    const log = { ...emptyLog(), loss: [4, 3, 2, 1, 1], heldOut: points };
    return stoppedText(spec, log, new Interrupted("SIGINT")).split("; ")[1];
  };
  assertEquals(
    said([5, 4, 4.5]),
    "the values of step 2, with the lowest held-out loss, 4.0000, are in",
  );
  for (const loss of [[], [5]]) assertEquals(said(loss), "the values of step 5 are in");
});

Deno.test("an adapter in its own folder is not trained over", () =>
  withFolder(async (folder) => {
    const first = `${folder}/first`;
    await lowrankJson(...await argsFor(folder, { steps: 3, method: lora }), first);
    const before = await contents(first), args = await argsFor(folder, { method: "lora" });
    await assertFails([...args, first, "--adapter", first], "must not be the input folder itself");
    assertEquals(await contents(first), before);
  }));

Deno.test("a training that is finished is not done again, and says the same", () =>
  withFolder(async (folder) => {
    const output = `${folder}/out`, args = [...await argsFor(folder, { steps: 3, method: lora })];
    const first = await lowrankJson(...args, output), before = await contents(output);
    // A process killed while it removed what it had needed to resume leaves this.
    await Deno.mkdir(`${output}/run/some`, { recursive: true });
    assertEquals(await lowrankJson(...args, output), first);
    assertEquals(await contents(output), before);
    const { code, stderr } = await lowrank(...args, output);
    assertEquals(code, 0);
    assertMatch(stderr, /\nalready trained: the adapter after 3 steps is in [^\n]*\n$/);
    await Deno.remove(`${output}/adapter_model.safetensors`);
    await Deno.remove(`${output}/adapter_config.json`);
    assertEquals(await lowrankJson(...args, output), first);
    assertEquals(await contents(output), before);
  }));

Deno.test("a training whose defaults are said is the same one; F32 is no default of a base in 4 bits", () =>
  withFolder(async (folder) => {
    const output = `${folder}/out`, asked = { steps: 3, method: lora };
    const first = await lowrankJson(...await argsFor(folder, asked), output);
    const before = await contents(output);
    const said = await argsFor(folder, { ...asked, activationCheckpointing: false });
    const f32 = ["--base-dtype", "f32"];
    assertEquals(await lowrankJson(...said, output, ...f32), first);
    assertEquals(await contents(output), before);
    const base = `${folder}/base`, other = `${folder}/other`;
    await lowrankJson("quantize", model, base);
    const args = [...said, other, "--model", base];
    await lowrankJson(...args);
    await assertFails([...args, ...f32], `${other} already holds an adapter`);
  }));

Deno.test("a finished adapter is not replaced by another training's, whatever the difference", () =>
  withFolder(async (folder) => {
    const output = `${folder}/out`, base = `${folder}/base`;
    const args = [...await argsFor(folder, { steps: 3, method: lora }), output];
    await Deno.mkdir(base);
    for (const [name, bytes] of await contents(model)) {
      await Deno.writeFile(`${base}/${name}`, bytes as Uint8Array);
    }
    await lowrankJson(...args, "--model", base);
    const before = await contents(output);
    const refused = async (...more: string[]) => {
      await assertFails([...args, "--model", base, ...more], `${output} already holds an adapter`);
      assertEquals(await contents(output), before);
    };
    await refused("--seed", "5");
    await refused("--rank", "1");
    const weights = await Deno.readFile(`${base}/model.safetensors`);
    await Deno.writeFile(`${base}/model.safetensors`, weights.with(-1, weights.at(-1)! ^ 1));
    await refused();
  }));

Deno.test("a training that is not finished is not replaced by one with other arguments", () =>
  withFolder(async (folder) => {
    const output = `${folder}/out`, args = await argsFor(folder, { method: lora });
    await cut([...args, output], output, "SIGKILL");
    const [name] = filesIn(`${output}/run`), before = await contents(`${output}/run/${name}`);
    const rule = "which its own command resumes; for this one choose another folder\n";
    await assertFails(
      [...args, output, "--seed", "5"],
      "holds a training in progress with seed 0 instead of 5",
      rule,
    );
    assertEquals(await contents(`${output}/run/${name}`), before);
  }));

const inUse = "it is in use by another save or training", other = golden("adapters/peft_c_attn");

Deno.test("two at once in one folder: another training or save is refused, the first unharmed", () =>
  withFolder(async (folder) => {
    const args = await argsFor(folder, { method: lora }), output = `${folder}/out`;
    await lowrankJson(...args, `${folder}/whole`);
    const child = spawnLowrank(...args, output), first = outcomeOf(child);
    await untilCheckpoint(output);
    child.kill("SIGSTOP"); // so that it cannot finish first
    for (const more of [[], ["--seed", "5"]]) {
      const { code, stderr } = await lowrank(...args, output, ...more);
      assertEquals(code, 1, stderr);
      assertStringIncludes(stderr, inUse);
    }
    await assertFails(["resize", other, "--rank", "1", "--output", output], inUse);
    child.kill("SIGCONT");
    assertEquals((await first).code, 0);
    assertEquals(await contents(output), await contents(`${folder}/whole`));
  }));
