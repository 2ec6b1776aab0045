import { assertStringIncludes } from "@std/assert";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { matrix } from "../../experiments/matrix/matrix.ts";
import { checkMatrix } from "./matrix_checks.ts";

Deno.test("matrix: forward, merge and unmerge in pieces are right to rounding and bit on cpu", async () => {
  using device = await openCpuDevice({ threads: 2 });
  await checkMatrix(device);
});

Deno.test("matrix: what ran below GPT-3's width claims nothing of that width", async () => {
  using device = await openCpuDevice({ threads: 2 });
  const { signal } = new AbortController(), report = () => {};
  const context = { device, out: "", seeds: [1], quick: true, full: false, signal, report };
  const { findings, figures } = await matrix.run(context);
  assertStringIncludes(findings[0].claim, "At width 768, below GPT-3's,");
  assertStringIncludes(figures[0].title, "width 768");
});
