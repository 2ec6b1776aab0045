import { assertEquals } from "@std/assert";
import { type AdapterChange, savedAdapter } from "./saved_adapter.ts";
import { main } from "../../src/cli/program.ts";
import { withFolder } from "../support/folders.ts";
import { golden } from "../support/golden.ts";
import { pythonHas, runPython } from "../support/python.ts";

const ignore = !await pythonHas("torch", "transformers", "peft");

const adapters: Record<string, AdapterChange> = {
  "sites q and v of one weight": { rank: 3, alpha: 6, sites: ["q", "v"] },
  "every site, rank-stabilized": { rank: 4, alpha: 8, sites: "all", rankStabilized: true },
  "whole weights with patterns": {
    rank: 4,
    targetModules: "all-linear",
    rankPattern: { c_fc: 2 },
    alphaPattern: { "attn.c_proj": 12 },
  },
};

for (const [name, change] of Object.entries(adapters)) {
  Deno.test({
    name: `PEFT loads an adapter of ours and gives the same logits to 5e-5: ${name}`,
    ignore,
    fn: () =>
      withFolder(async (folder) => {
        const [model, input] = [golden("gpt2_tiny"), golden("logits.json")];
        const adapter = `${folder}/adapter`, output = `${folder}/logits.safetensors`;
        await savedAdapter(model, adapter, change);
        const files = ["--model", model, "--adapter", adapter, "--input", input];
        const cpu = ["--device", "cpu", "--quiet"];
        assertEquals(await main(["logits", ...files, "--output", output, ...cpu]), 0);
        const { code, text } = await runPython("scripts/golden/check_peft.py", [
          ...files,
          "--output",
          output,
        ]);
        assertEquals(code, 0, text);
      }),
  });
}
