/** Programs with subgroups on Dawn: its compiler wants a line above them that Deno's refuses. */

import { assertEquals } from "@std/assert";
import { rootPath } from "../../scripts/support/source_files.ts";
import { webgpuAvailable } from "../../scripts/support/parts.ts";

Deno.test({
  name: "every program with subgroups is right on Dawn, which enables them by name",
  ignore: !await webgpuAvailable(),
  fn: async () => {
    const args = [
      "run",
      "-A",
      "--no-check",
      "--no-lock",
      `${rootPath}tests/kernels/dawn_program.ts`,
    ];
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
    const [printed, said] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    const names = "matmul matmul_f16 matmul_bf16 attention_forward attention_backward";
    assertEquals(printed.trim(), names, said);
  },
});
