/** When `train` measures the held-out loss and writes checkpoints: as the options or the configuration say. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { withFolder } from "../support/folders.ts";
import { trainArgs, writeJson } from "./arguments.ts";
import { argsFor, contents, failingAfter, lora } from "./cut.ts";
import { assertFails, lowrank, lowrankJson } from "./lowrank.ts";
import { smallBase, smallSweep } from "./sweeps.ts";

const readJson = async (path: string) => JSON.parse(await Deno.readTextFile(path));

Deno.test("--validate-every and the configuration say when the held-out loss is measured", () =>
  withFolder(async (folder) => {
    const { model, data } = await smallBase(folder);
    const measured = async (output: string, ...more: string[]) => {
      const args = ["train", "--model", model, "--data", data, "--steps", "8", "--output"];
      await lowrankJson(...args, `${folder}/${output}`, ...more);
      const { heldOut } = await readJson(`${folder}/${output}/log.json`);
      return heldOut.map(({ step }: { step: number }) => step);
    };
    const config = ["--config", await writeJson(`${folder}/c.json`, { validateEvery: 5 })];
    const option = ["--validate-every", "3"];
    assertEquals(await measured("usual"), [0, 8]);
    assertEquals(await measured("said", ...option), [0, 3, 6, 8]);
    assertEquals(await measured("configured", ...config), [0, 5, 8]);
    assertEquals(await measured("outvoted", ...config, ...option), [0, 3, 6, 8]);
    const { spec } = await readJson(`${folder}/said/run.json`);
    assertEquals(spec.training.validateEvery, 3);
    const again = ["train", "--model", model, "--data", data, "--steps", "8", "--output"];
    await assertFails(
      [...again, `${folder}/said`, "--validate-every", "4"],
      "it was made with validateEvery 3 instead of 4",
    );
    const none = [...again, `${folder}/none`, "--validation", "0", ...option];
    await assertFails(
      none,
      "--validate-every needs held-out texts, found none: leave it out, or let --validation",
    );
    const batches = await trainArgs(folder, `${folder}/none`);
    await assertFails([...batches, ...option], "--validate-every must come with --data");
    for (const field of ["validateEvery", "checkpointEvery"]) {
      const wrong = await trainArgs(folder, `${folder}/none`, { [field]: 0 });
      await assertFails(wrong, `${field} must be a whole number of at least 1, found 0`);
    }
  }));

Deno.test("--checkpoint-every says what a failure loses, and a training resumes with another interval", () =>
  withFolder(async (folder) => {
    const config = { method: lora, steps: 22 }, args = await argsFor(folder, config);
    const [cutOff, whole] = ["cut", "whole"].map((name) => `${folder}/${name}`);
    await lowrankJson(...args, whole, "--checkpoint-every", "1000");
    {
      using _ = failingAfter(2);
      await assertFails([...args, cutOff, "--checkpoint-every", "7"], "it is made to fail");
    }
    const configured = await argsFor(folder, { ...config, checkpointEvery: 500 });
    const { code, stderr } = await lowrank(...configured, cutOff);
    assertEquals(code, 0, stderr);
    assertStringIncludes(stderr, "resuming after step 14\n");
    assertEquals(await contents(cutOff), await contents(whole));
    assertEquals((await readJson(`${cutOff}/run.json`)).spec.training.checkpointEvery, undefined);
  }));

Deno.test("a sweep takes both; trainings that differ in checkpoints alone are one", () =>
  withFolder(async (folder) => {
    const one = { methods: [{ method: "lora", rank: 2 }], "learning-rate": 0.01, seed: 1 };
    const output = `${folder}/out`, some = { "validate-every": [2, 3], "checkpoint-every": 2 };
    const file = await smallSweep(folder, { ...one, ...some });
    const { runs } = await lowrankJson("sweep", file, "--output", output);
    const measured = await Promise.all(runs.map(async ({ run }: { run: string }) => {
      const { heldOut } = await readJson(`${output}/runs/${run}/log.json`);
      return heldOut.map(({ step }: { step: number }) => step);
    }));
    assertEquals(measured, [[0, 2, 4], [0, 3, 4]]);
    assertMatch(runs[0].setting, /validate-every=2/);
    const twice = await smallSweep(folder, { ...one, "checkpoint-every": [2, 3] });
    await assertFails(["sweep", twice, "--output", output], "(no setting of the result differs)");
  }));
