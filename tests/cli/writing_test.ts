/** Output that cannot be written: a clear sentence, exit code 1, the old files intact and nothing half done. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { filesIn, withFolder } from "../support/folders.ts";
import { canLimitFiles, runWithFileLimit } from "../support/full_disk.ts";
import { golden } from "../support/golden.ts";
import { rootPath } from "../support/source_files.ts";
import { logitsArgs, trainArgs, writeJson } from "./arguments.ts";
import { assertFails, lowrankJson, model } from "./lowrank.ts";

const adapter = golden("adapters/peft_c_attn");

Deno.test("a folder that cannot be written is reported before training", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "old");
    const places = [`${folder}/file/out`];
    if (Deno.build.os === "linux") places.push("/proc/lowrank");
    for (const place of places) {
      const args = await trainArgs(folder, place, { steps: 1e9 });
      await assertFails(args, `cannot write to the folder ${place}: `);
      const merge = ["merge", "--model", model, "--adapter", adapter, "--output", place];
      await assertFails(merge, `cannot make the folder ${place}: `);
    }
    const file = `${folder}/file`, onto = await trainArgs(folder, file);
    await assertFails(onto, `cannot write to the folder ${file}: it is a file\n`);
    const inside = await trainArgs(folder, `${file}/out`);
    await assertFails(inside, "file/out: a part of its path is not a folder\n");
    const args = await logitsArgs(folder, [[1]]);
    await assertFails([...args.slice(0, -1), `${folder}/file/o`], "its folder is not a folder");
    assertEquals(await Deno.readTextFile(`${folder}/file`), "old");
  }));

/**
 * An output folder with a small adapter, and the arguments that would replace it by a larger one: to
 * them it is what they left when they were stopped.
 */
async function largerAdapter(folder: string): Promise<{ out: string; args: string[] }> {
  const out = `${folder}/out`, whole = `${folder}/whole`;
  await lowrankJson(...await trainArgs(folder, out, { method: { name: "lora", rank: 1 } }));
  const method = { name: "lora", rank: 32, sites: "all" };
  await lowrankJson(...await trainArgs(folder, whole, { method }));
  const recordIn = async (place: string) =>
    JSON.parse(await Deno.readTextFile(`${place}/run.json`));
  const run = `${out}/run/${(await recordIn(whole)).training}`;
  await Deno.mkdir(run, { recursive: true });
  await writeJson(`${run}/saved.json`, (await recordIn(out)).weights);
  return { out, args: [...await trainArgs(folder, out, { method }), "--device", "cpu", "--quiet"] };
}

/** Prints the error's line and the exit code of the command line. */
const program = (args: readonly string[]): string => `
  import { main } from "./src/cli/program.ts";
  console.error = console.log;
  console.log("exit code " + await main(${JSON.stringify(args)}));
`;

/** The message of a training of fewer than 100 steps that cannot save. */
const anew = "there is no checkpoint, so the same command begins anew";

Deno.test({
  name: "a file system that refuses a large file leaves the old adapter and no temporary file",
  ignore: !canLimitFiles,
  fn: () =>
    withFolder(async (folder) => {
      const { out, args } = await largerAdapter(folder);
      const weights = `${out}/adapter_model.safetensors`;
      const before = await Deno.readFile(weights), names = filesIn(out);
      const printed = await runWithFileLimit(128, program(args), ["--allow-all"]);
      assertStringIncludes(printed, `error: cannot write ${weights}: the file would be larger`);
      assertStringIncludes(printed, `an older file there is unchanged; ${anew}\nexit code 1\n`);
      assertEquals(await Deno.readFile(weights), before);
      assertEquals(filesIn(out), names);
    }),
});

/** True where a process may mount a file system that nobody else sees. */
function canMount(): boolean {
  if (Deno.build.os !== "linux") return false;
  try {
    const args = ["-rm", "mount", "-t", "tmpfs", "none", "/mnt"];
    return new Deno.Command("unshare", { args, stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

/** In place of the output folder, a file system of 128 kB that only this process sees. */
const onFullDisk = `out="$1" deno="$2"; shift 2
  cp -r "$out" "$out.copy" && mount -t tmpfs -o size=128k none "$out" && cp -r "$out.copy"/* "$out"
  "$deno" run -A --no-check cli.ts "$@" 2>&1; echo "exit code $?"
  diff -r -x run "$out.copy" "$out" && echo same files`;

Deno.test({
  name: "a full disk leaves the old adapter and no temporary file",
  ignore: !canMount(),
  fn: () =>
    withFolder(async (folder) => {
      const { out, args } = await largerAdapter(folder);
      const { stdout } = await new Deno.Command("unshare", {
        args: ["-rm", "sh", "-c", onFullDisk, "sh", out, Deno.execPath(), ...args],
        cwd: rootPath,
      }).output();
      const printed = new TextDecoder().decode(stdout);
      const failure = `error: cannot write ${out}/adapter_model.safetensors: the disk is full`;
      assertStringIncludes(printed, failure);
      const end = `an older file there is unchanged; ${anew}\nexit code 1\nsame files\n`;
      assertStringIncludes(printed, end);
    }),
});
