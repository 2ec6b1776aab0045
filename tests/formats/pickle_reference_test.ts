/** The command that makes a safetensors file of a pickle, run by Python. */

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { openSafetensors, readSafetensors } from "../../src/formats/mod.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { pythonCommand, pythonHas } from "../../scripts/support/python.ts";

Deno.test({
  name:
    "the command in the error makes a safetensors file of a pickle, with tied and turned tensors",
  ignore: !await pythonHas("torch", "safetensors"),
  fn: () =>
    withFolder(async (folder) => {
      const run = async (command: string, args: string[]) => {
        const options = { args, cwd: folder, stdout: "null", stderr: "piped" } as const;
        const { success, stderr } = await new Deno.Command(command, options).output();
        assertEquals(success, true, new TextDecoder().decode(stderr));
      };
      const program = "import torch; a = torch.arange(6.).view(2, 3); " +
        "torch.save({'a': a, 'tied': a, 'turned': a.T}, 'pytorch_model.bin')";
      await run(pythonCommand, ["-c", program]);
      const error = await assertRejects(() => openSafetensors(folder), Error);
      assertStringIncludes(error.message, "found pytorch_model.bin in ");
      const [, code] = /by python -c '(.*)'$/.exec(error.message)!;
      await run(pythonCommand, ["-c", code]);
      const { tensors } = await readSafetensors(folder);
      const values = Object.fromEntries([...tensors].map(([name, { data }]) => [name, [...data]]));
      const a = [0, 1, 2, 3, 4, 5];
      assertEquals(values, { a, tied: a, turned: [0, 3, 1, 4, 2, 5] });
    }),
});
