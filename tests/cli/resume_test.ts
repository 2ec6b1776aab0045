/** `lowrank train` called again: it resumes what was killed, stopped or failed, to the same bytes. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { stoppedText } from "../../src/cli/commands/train/command.ts";
import { replaceDisk } from "../../src/storage/disk.ts";
import { Interrupted } from "../../src/terminal/interrupt.ts";
import { emptyLog } from "../../src/train/mod.ts";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import { golden } from "../support/golden.ts";
import {
  argsFor,
  contents,
  copyFiles,
  failingAfter,
  kill,
  lora,
  steps,
  stop,
  untilCheckpoint,
} from "./cut.ts";
import {
  assertFails,
  lowrank,
  lowrankJson,
  model,
  type Outcome,
  outcomeOf,
  spawnLowrank,
} from "./lowrank.ts";
import { smallBase } from "./sweeps.ts";

const readJson = async (path: string) => JSON.parse(await Deno.readTextFile(path));

/** Cuts a training off, calls it again after one of these steps, and compares it with one that was not cut off. */
async function assertResumes(
  folder: string,
  args: string[],
  after: readonly number[],
  cut: (...args: string[]) => Promise<Outcome>,
): Promise<void> {
  const output = `${folder}/cut`, whole = `${folder}/whole`;
  await lowrankJson(...args, whole);
  await cut(...args, output, "--quiet");
  const again = await lowrank(...args, output);
  assertEquals(again.code, 0, again.stderr);
  assertMatch(again.stderr, new RegExp(`resuming after step (${after.join("|")})\n`));
  assertStringIncludes(again.stderr, ` after ${steps} steps to ${output}`);
  assertEquals(await contents(output), await contents(whole));
  for (const place of [output, whole]) {
    const { seconds, ms } = await readJson(`${place}/times.json`);
    const all = ms.reduce((sum: number, one: number) => sum + one, 0);
    assertEquals([ms.length, all <= 1000 * seconds + 1], [steps, true], `${all} ms, ${seconds} s`);
  }
}

for (const [what, method] of [["an adapter", lora], ["a model", "full"]] as const) {
  Deno.test(`training that was killed resumes to the bytes of one that was not: ${what}`, () =>
    withFolder(async (folder) => {
      await assertResumes(folder, await argsFor(folder, { method }), [8], async (...args) => {
        const killed = await kill(...args);
        assertEquals(filesIn(`${folder}/cut`).filter((name) => name !== "run"), []);
        return killed;
      });
    }));
}

/** The step after which the signal comes, and those that may begin before it is heard. */
const stopped = [8, 9, 10, 11];

Deno.test("training that failed between its weights and run.json ends with the bytes of one that did not", () =>
  withFolder(async (folder) => {
    await assertResumes(folder, await argsFor(folder, { method: lora }), [8], async (...args) => {
      using _ = replaceDisk((system) => ({
        ...system,
        rename: (from, to) =>
          to.endsWith("/run.json")
            ? Promise.reject(new Error("it is made to fail"))
            : system.rename(from, to),
      }));
      const failed = await lowrank(...args);
      assertEquals(failed.code, 1);
      const names = ["README.md", "adapter_config.json", "adapter_model.safetensors", "log.json"];
      assertEquals(filesIn(`${folder}/cut`), [...names, "run", "times.json"]);
      return failed;
    });
  }));

for (const [signal, code] of [["SIGTERM", 143], ["SIGHUP", 129]] as const) {
  Deno.test(`training that ${signal} stopped resumes to the bytes of one that it did not`, () =>
    withFolder(async (folder) => {
      await assertResumes(
        folder,
        await argsFor(folder, { method: lora }),
        stopped,
        async (...args) => {
          const outcome = await stop(signal, ...args);
          assertEquals(outcome, { code, stdout: "", stderr: "" });
          assert(filesIn(`${folder}/cut`).includes("log.json"));
          return outcome;
        },
      );
    }));
}

Deno.test("training on texts that was stopped resumes to the bytes of one that was not", () =>
  withFolder(async (folder) => {
    const { model, data } = await smallBase(folder), every = ["--checkpoint-every", "4"];
    const args = ["train", "--model", model, "--data", data, "--steps", `${steps}`, ...every];
    await assertResumes(
      folder,
      [...args, "--output"],
      stopped,
      (...args) => stop("SIGTERM", ...args),
    );
    const { heldOut } = await readJson(`${folder}/cut/log.json`);
    assertEquals(heldOut.map(({ step }: { step: number }) => step), [0, 10, 12]);
  }));

Deno.test("training in F16 that failed keeps what it has, and resumes with another interval of checkpoints", () =>
  withFolder(async (folder) => {
    const args = await argsFor(folder, { method: lora, dtype: "f16" }), output = `${folder}/cut`;
    await assertResumes(folder, args, [6], async (...args) => {
      using _ = failingAfter(2);
      const failed = await lowrank(...args, "--checkpoint-every", "3");
      assertStringIncludes(failed.stderr, "it is made to fail; wrote the weights after 9 steps");
      const other = [...args, "--dtype", "f32"];
      await assertFails(other, 'in progress with dtype "F16" instead of by default, which its own');
      return failed;
    });
    assertEquals((await readJson(`${output}/run.json`)).spec.training.checkpointEvery, undefined);
  }));

Deno.test("a training resumes when its model and the adapter that it began with have been moved", () =>
  withFolder(async (folder) => {
    const output = `${folder}/out`, [from, to] = [`${folder}/from`, `${folder}/to`];
    const args = [...await argsFor(folder, {}), output];
    const inputs = (at: string) => ["--model", `${at}/model`, "--adapter", `${at}/adapter`];
    await copyFiles(model, `${from}/model`);
    await copyFiles(golden("adapters/peft_c_attn"), `${from}/adapter`);
    await kill(...args, ...inputs(from));
    await Deno.rename(from, to);
    const { code, stderr } = await lowrank(...args, ...inputs(to));
    assertEquals(code, 0, stderr);
    assertStringIncludes(stderr, "resuming after step 8\n");
  }));

Deno.test("what a stop says is what it leaves: steps, place, and how to continue", () =>
  withFolder(async (folder) => {
    const output = `${folder}/out`;
    const { stderr } = await stop("SIGTERM", ...await argsFor(folder, { method: lora }), output);
    const { loss } = await readJson(`${output}/log.json`);
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

Deno.test("two processes in one folder: another training or save is refused, the first unharmed until SIGINT ends it", () =>
  withFolder(async (folder) => {
    const args = await argsFor(folder, { method: lora, steps: 1e6 }), output = `${folder}/out`;
    const child = spawnLowrank(...args, output), first = outcomeOf(child);
    await untilCheckpoint(output);
    child.kill("SIGSTOP"); // so that nothing changes but by us
    const [run] = filesIn(`${output}/run`), before = await contents(`${output}/run/${run}`);
    const inUse = "it is in use by another save or training";
    for (const more of [[], ["--seed", "5"]]) {
      const { code, stderr } = await lowrank(...args, output, ...more);
      assertEquals(code, 1, stderr);
      assertStringIncludes(stderr, inUse);
    }
    const other = golden("adapters/peft_c_attn");
    await assertFails(["resize", other, "--rank", "1", "--output", output], inUse);
    assertEquals(await contents(`${output}/run/${run}`), before);
    child.kill("SIGINT");
    child.kill("SIGCONT");
    const { code, stdout, stderr } = await first;
    assertEquals([code, stdout], [130, ""], stderr);
    const { loss } = await readJson(`${output}/log.json`);
    assertStringIncludes(stderr, `stopped by SIGINT after step ${loss.length} of 1000000: run`);
    assert(filesIn(output).includes("adapter_model.safetensors"));
  }));
