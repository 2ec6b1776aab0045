/** Adapters whose files are links: a client learns nothing of what is outside of their folder. */

import { assertEquals } from "@std/assert";
import { ask, assertRefused, copyAdapter, withServing } from "./served.ts";

Deno.test("an adapter with a link out of its folder is refused without a word of what it leads to", () =>
  withServing({}, async ({ address, folder }) => {
    const secret = "root:x:0:0",
      load = (lora_name: string) =>
        ask(address, "/v1/load_lora_adapter", { lora_name, lora_path: lora_name });
    await Deno.writeTextFile(`${folder}/secret`, secret);
    for (const file of ["adapter_config.json", "adapter_model.safetensors"]) {
      const name = `linked-${file.split("_")[1].split(".")[0]}`;
      await copyAdapter(folder, "k-r8-seed1", name);
      await Deno.remove(`${folder}/${name}/${file}`);
      await Deno.symlink("../secret", `${folder}/${name}/${file}`);
      const answer = await load(name);
      assertRefused(
        answer,
        400,
        `cannot read ${name}/${file}: a link must lead to a file in its own`,
      );
      assertEquals(/root:|secret|\b10\b/.test(answer.json.error.message), false);
    }
    await copyAdapter(folder, "k-r8-seed1", "inside");
    await Deno.rename(`${folder}/inside/adapter_model.safetensors`, `${folder}/inside/weights`);
    await Deno.symlink("weights", `${folder}/inside/adapter_model.safetensors`);
    assertEquals((await load("inside")).status, 200);
  }));
