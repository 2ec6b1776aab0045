import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { run, type RunFiles, runFiles } from "../../src/runs/mod.ts";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import { tinyOptions, tinySpec } from "./fixtures.ts";

const program = fileURLToPath(new URL("./run_program.ts", import.meta.url));

/** Runs the program and kills it, without a chance to say goodbye, when it has printed `until`. */
async function runAndKill(folder: string, steps: number, until: number): Promise<void> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", program, folder, String(steps), String(until)],
    stdout: "piped",
  }).spawn();
  let text = "";
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const last = Number(text.trim().split("\n").at(-1));
    if (last < until) continue;
    child.kill("SIGKILL");
    break;
  }
  assertEquals((await child.status).signal, "SIGKILL");
}

const exists = (path: string) => Deno.stat(path).then(() => true, () => false);
const adapterBytes = ({ adapter }: RunFiles) =>
  Deno.readFile(`${adapter}/adapter_model.safetensors`);

Deno.test("run: killed twice and started again, it leaves the bytes of one that was not", () =>
  withFolder(async (folder) => {
    const steps = 300, spec = tinySpec(steps), [cut, whole] = [`${folder}/cut`, `${folder}/whole`];
    const files = await runFiles(cut, spec);
    for (const until of [60, 140]) {
      await runAndKill(cut, steps, until);
      assert(await exists(files.checkpoint), "a killed run has a checkpoint");
      assert(!await exists(files.done), "a killed run is not finished");
    }
    using device = await openCpuDevice({ threads: 2 });
    const resumed: number[] = [];
    const options = { ...tinyOptions(cut, device), checkpointEvery: 10 };
    const result = await run(spec, { ...options, onProgress: ({ step }) => resumed.push(step) });
    assert(resumed[0] > 120 && resumed[0] < steps, `resumed at step ${resumed[0]}`);
    const expected = await run(spec, tinyOptions(whole, device));
    const wholeFiles = await runFiles(whole, spec);
    assertEquals(await adapterBytes(files), await adapterBytes(wholeFiles));
    assertEquals({ ...result, folder: "" }, { ...expected, folder: "" });
    assertEquals(result.exact, true);
    assertEquals(filesIn(files.folder), filesIn(wholeFiles.folder));
  }));
