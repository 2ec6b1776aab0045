/** Every command that opens a device, on two threads: it gives what it gives on one, as in the other tests. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { withFolder } from "../../scripts/support/folders.ts";
import { writeJson } from "./arguments.ts";
import { lowrankOn } from "./lowrank.ts";
import { smallSweep } from "./sweeps.ts";

/** Its output, and the bytes of the file that it is told to write. */
async function resultOf(threads: number, args: readonly string[], file?: string) {
  const { code, stdout, stderr } = await lowrankOn(threads, ...args);
  assertEquals(code, 0, stderr);
  assertStringIncludes(stderr, `cpu, ${threads} thread${threads > 1 ? "s" : ""}, `);
  return [stdout, file && await Deno.readFile(file)];
}

Deno.test("commands on two threads print and write what they do on one", () =>
  withFolder(async (folder) => {
    const sweep = await smallSweep(folder, { steps: 1, seed: 1, "learning-rate": 0.001 });
    const model = ["--model", folder],
      file = `${folder}/out.safetensors`,
      pairs = `${folder}/p.jsonl`;
    await Deno.writeTextFile(pairs, '{"prompt": "the cat", "completion": " sat"}');
    const cases = { one: { input_ids: [[1, 2, 3]], labels: [[1, 2, 3]] } };
    const input = ["--input", await writeJson(`${folder}/in.json`, { cases }), "--output", file];
    const answers = ["--metrics", "bleu", "--max-new-tokens", "2"];
    for (
      const [args, written] of [
        [["generate", ...model, "--prompt", "the cat", "--max-new-tokens", "2"]],
        [["evaluate", ...model, "--data", pairs]],
        [["evaluate", ...model, "--data", pairs, ...answers]],
        [["logits", ...model, ...input], file],
        [["gradients", ...model, ...input, "--case", "one"], file],
      ] as const
    ) assertEquals(await resultOf(2, args, written), await resultOf(1, args, written));
    const trained = [1, 2].map((threads) => `${folder}/trained-${threads}`);
    for (const [i, output] of trained.entries()) {
      const train = ["train", ...model, "--data", pairs, "--steps", "1", "--validation", "0"];
      await resultOf(i + 1, [...train, "--output", output]);
      await resultOf(i + 1, ["sweep", sweep, "--output", `${folder}/swept-${i + 1}`]);
    }
    for (const name of ["log.json", "adapter_model.safetensors"]) {
      const [one, two] = trained.map((output) => Deno.readFileSync(`${output}/${name}`));
      assertEquals(two, one, name);
    }
  }));
