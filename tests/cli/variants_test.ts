import { golden } from "../support/golden.ts";
import { withFolder } from "../support/folders.ts";
import { assertFails } from "./lowrank.ts";

const found = {
  peft_dora: 'found DoRA on "transformer.h.0.attn.c_attn"',
  peft_lora_bias: 'found a bias of B on "transformer.h.0.attn.c_attn"',
  peft_bias_only: 'found the trained bias "transformer.h.0.attn.c_attn.bias"',
  peft_tokens: 'found trained tokens of "transformer.wte"',
};

for (const [name, words] of Object.entries(found)) {
  Deno.test(`resize and merge refuse what they would lose: ${name}`, () =>
    withFolder(async (folder) => {
      const adapter = golden(`adapters/${name}`), to = ["--output", `${folder}/out`];
      await assertFails(["resize", adapter, "--rank", "1", ...to], words);
      const files = ["--model", golden("gpt2_tiny"), "--adapter", adapter];
      await assertFails(["merge", ...files, ...to], words);
    }));
}
