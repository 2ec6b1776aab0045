/** `lowrank count` against counts that PEFT prints, and `lowrank memory`. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { withFolder } from "../support/folders.ts";
import { lowrank, lowrankJson, model } from "./lowrank.ts";

/** The published shapes of GPT-2. */
const shapes: Record<string, Record<string, number>> = {
  gpt2: {},
  "gpt2-medium": { n_embd: 1024, n_layer: 24, n_head: 16 },
  "gpt2-large": { n_embd: 1280, n_layer: 36, n_head: 20 },
  "gpt2-xl": { n_embd: 1600, n_layer: 48, n_head: 25 },
};

const rows: [string, string, string, number, number, string][] = [
  ["gpt2", "c_attn", "8", 294_912, 124_734_720, "0.2364"],
  ["gpt2-medium", "c_attn", "4", 393_216, 355_216_384, "0.1107"],
  ["gpt2-large", "c_attn", "4", 737_280, 774_767_360, "0.0952"],
  ["gpt2-xl", "c_attn", "8", 2_457_600, 1_560_068_800, "0.1575"],
  ["gpt2", "all-linear", "8", 1_179_648, 125_619_456, "0.9391"],
];

async function writeConfig(folder: string, name: string): Promise<string> {
  const path = `${folder}/config.json`;
  await Deno.writeTextFile(path, JSON.stringify({ model_type: "gpt2", ...shapes[name] }));
  return path;
}

for (const [name, modules, rank, trainable, total, percent] of rows) {
  Deno.test(`${name} with rank ${rank} on ${modules} has the parameters that PEFT counts`, () =>
    withFolder(async (folder) => {
      const config = await writeConfig(folder, name);
      const method = ["--method", "lora", "--rank", rank, "--target-modules", modules];
      const counted = await lowrankJson("count", "--model", config, ...method);
      assertEquals([counted.trainable, counted.total], [trainable, total]);
      assertEquals(counted.percent.toFixed(4), percent);
      const sum = (key: string) =>
        counted.byModule.reduce((all: number, row: Record<string, number>) => all + row[key], 0);
      assertEquals([sum("trainable"), sum("parameters")], [trainable, total]);
    }));
}

Deno.test("q and v of GPT-2 medium at rank 4 are the paper's 0.35M", () =>
  withFolder(async (folder) => {
    const config = await writeConfig(folder, "gpt2-medium");
    const { trainable } = await lowrankJson("count", "--model", config, "--rank", "4");
    assertEquals(trainable, 393_216);
  }));

Deno.test("without a method everything is trained", async () => {
  const { total, trainable, percent } = await lowrankJson("count", "--model", model);
  assertEquals([trainable, percent], [total, 100]);
});

Deno.test("people see PEFT's line below the table", async () => {
  const { code, stdout, stderr } = await lowrank("count", "--model", model, "--rank", "2");
  assertEquals([code, stderr], [0, ""]);
  const line = "trainable params: 768 || all params: 61,872 || trainable%: 1.2413\n";
  assertStringIncludes(stdout, line);
});

Deno.test("memory adds up to its peak, and Adam keeps twice what is trained", () =>
  withFolder(async (folder) => {
    const config = await writeConfig(folder, "gpt2");
    const size = ["--model", config, "--batch", "4", "--length", "128"];
    const full = await lowrankJson("memory", ...size, "--method", "full");
    const lora = await lowrankJson("memory", ...size, "--method", "lora", "--rank", "8");
    for (const { byRole, peak } of [full, lora]) {
      const bytes: number[] = Object.values(byRole);
      assertEquals(bytes.reduce((all, some) => all + some), peak);
    }
    assertEquals(full.byRole.weight, 4 * 124_439_808);
    assertEquals(full.byRole.optimizer, 2 * full.byRole.weight);
    assertEquals(lora.byRole.adapter, 4 * 294_912);
    assertEquals(lora.byRole.optimizer, 2 * lora.byRole.adapter);
  }));

Deno.test("memory for GPT-3 175B is counted without allocating it", () =>
  withFolder(async (folder) => {
    const config = `${folder}/config.json`;
    const shape = { n_embd: 12288, n_layer: 96, n_head: 96, n_positions: 2048 };
    await Deno.writeTextFile(config, JSON.stringify({ model_type: "gpt2", ...shape }));
    const { byRole } = await lowrankJson(
      "memory",
      "--model",
      config,
      "--batch",
      "1",
      "--rank",
      "4",
    );
    assertEquals(byRole.adapter, 4 * 2 * 96 * 4 * (12288 + 12288));
  }));
