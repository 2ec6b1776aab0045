/** No option is dropped in silence. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { withFolder } from "../support/folders.ts";
import { golden } from "../support/golden.ts";
import { trainArgs } from "./arguments.ts";
import { assertFails, lowrank, model } from "./lowrank.ts";

const first = golden("adapters/peft_c_attn"), second = golden("adapters/peft_all_linear");

Deno.test("training an existing adapter takes no other method and none of its settings", () =>
  withFolder(async (folder) => {
    const args = [...await trainArgs(folder, `${folder}/out`), "--adapter", first];
    const rule = "--adapter keeps its own settings: leave out ";
    await assertFails([...args, "--rank", "8"], `${rule}--rank\n`);
    await assertFails([...args, "--alpha", "8", "--sites", "q"], `${rule}--alpha and --sites\n`);
    await assertFails([...args, "--target-modules", "c_attn"], `${rule}--target-modules\n`);
    await assertFails([...args, "--method", "full"], "cannot continue an adapter");
    const size = ["--method", "bottleneck", "--size", "4"];
    await assertFails([...args, ...size], `${rule}--size\n`);
    const other = `--adapter keeps its own method, lora in ${first}, found bitfit`;
    await assertFails([...args, "--method", "bitfit"], other);
    const configured = async (method: object, ...more: string[]) => [
      ...await trainArgs(folder, `${folder}/out`, { method: { name: "lora", ...method } }),
      ...["--adapter", first, ...more],
    ];
    await assertFails(
      await configured({ rank: 7, init: "pissa", dropout: 0.1 }, "--alpha", "8"),
      `${rule}--alpha and the configuration's rank and the configuration's init\n`,
    );
    const kept = await lowrank(...await configured({ dropout: 0.1 }));
    assertEquals(kept.code, 0, kept.stderr);
    const unknown = `${folder}/unknown`;
    await Deno.mkdir(unknown);
    await Deno.writeTextFile(`${unknown}/adapter_config.json`, '{"method": 5}');
    await assertFails(
      [...await trainArgs(folder, `${folder}/out`), "--adapter", unknown],
      `the method of the adapter in ${unknown} must be one of full, lora, `,
    );
  }));

Deno.test("a second adapter is refused where only one would be used", () =>
  withFolder(async (folder) => {
    const both = ["--adapter", first, "--adapter", second];
    const rule = `It may be given only once here, found ${first} before it`;
    await assertFails([...await trainArgs(folder, `${folder}/out`), ...both], rule);
    const input = golden("gradients/input.json"), output = `${folder}/g.safetensors`;
    const args = ["--input", input, "--case", "labelled", "--output", output];
    await assertFails(["gradients", "--model", model, ...args, ...both], rule);
  }));

Deno.test("full fine-tuning is announced if it is only the default", () =>
  withFolder(async (folder) => {
    const args = await trainArgs(folder, `${folder}/out`);
    const { code, stderr } = await lowrank(...args);
    assertEquals(code, 0, stderr);
    assertStringIncludes(stderr, "full fine-tuning: training 61,");
    assertStringIncludes(stderr, " at learning rate 0.001 (add --method lora for an adapter)\n");
    const other = await trainArgs(folder, `${folder}/named`);
    const named = await lowrank(...other, "--method", "full");
    assertStringIncludes(named.stderr, " at learning rate 0.001\n");
  }));
