/** The commands that compute, on `--device webgpu` as on cpu, which other tests hold against PyTorch. */

import { assertEquals, assertMatch } from "@std/assert";
import { assertAllClose } from "../support/all_close.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { golden, goldenJson, tensorsOf } from "../support/golden.ts";
import { webgpuAvailable } from "../../scripts/support/parts.ts";
import { trainArgs } from "./arguments.ts";
import { lowrank, lowrankJson, model } from "./lowrank.ts";

const ignore = !await webgpuAvailable();
const adapter = ["--adapter", golden("adapters/peft_all_linear")];

/** Runs a command that writes a file on both devices and compares every tensor, to a share of its largest. */
async function assertSame(
  folder: string,
  tolerance: number,
  args: readonly string[],
): Promise<void> {
  const [expected, actual] = [`${folder}/cpu.safetensors`, `${folder}/webgpu.safetensors`];
  await lowrankJson(...args, "--output", expected, "--device", "cpu");
  const { code, stderr } = await lowrank(...args, "--output", actual, "--device", "webgpu");
  assertEquals(code, 0, stderr);
  assertMatch(stderr, /^device: webgpu/);
  const ours = await tensorsOf(actual);
  for (const [name, { data }] of await tensorsOf(expected)) {
    const absolute = tolerance * Math.max(...Array.from(data, Math.abs));
    assertAllClose(ours.get(name)!.data, data, { absolute, relative: 0, what: name });
  }
}

Deno.test({
  name: "webgpu: logits with an adapter are those of cpu",
  ignore,
  fn: () =>
    withFolder((folder) =>
      assertSame(folder, 1e-5, [
        ...["logits", "--model", model, ...adapter],
        ...["--input", golden("logits.json")],
      ])
    ),
});

Deno.test({
  name: "webgpu: gradients of every tensor are those of cpu",
  ignore,
  fn: () =>
    withFolder((folder) =>
      assertSame(folder, 2e-5, [
        ...["gradients", "--model", model],
        ...["--input", golden("gradients/input.json"), "--case", "padded"],
      ])
    ),
});

Deno.test({
  name: "webgpu: training an adapter follows PEFT",
  ignore,
  fn: () =>
    withFolder(async (folder) => {
      const start = ["--adapter", golden("trajectories/lora_initial"), "--device", "webgpu"];
      const config = await goldenJson("trajectories/lora_cosine.config.json");
      await lowrankJson(...await trainArgs(folder, folder, config), ...start);
      const { loss } = JSON.parse(await Deno.readTextFile(`${folder}/log.json`));
      const theirs = await goldenJson("trajectories/lora_cosine.log.json");
      assertAllClose(loss, theirs.loss, { absolute: 2e-5, relative: 0, what: "loss" });
    }),
});
