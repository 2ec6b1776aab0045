/** Failures of a GPU show in the cell, even if nothing is read from the device. */

import { assertEquals, assertMatch } from "@std/assert";
import { webgpuAvailable } from "../../scripts/support/parts.ts";
import { Cells } from "./cells.ts";

const wait = "await new Promise((resolve) => setTimeout(resolve, 1500));";

const launch = `import { openDevice } from "@lowrank/core";
import { defineKernel, fill } from "@lowrank/core/kernels";
const device = await openDevice({ kind: "webgpu" });
const wgsl = { code: "fn main( {", workgroups: () => 1 };
const broken = defineKernel({ ...fill, name: "broken_kernel", wgsl });
const y = device.allocate([1], "f32", "scratch", "y");
device.launch(broken, { y }, { size: 1, value: 1 });
device.submit();`;

const lose = `import { ErrorLog } from "../../src/device/webgpu/error_log.ts";
const gpu = await (await navigator.gpu.requestAdapter()).requestDevice();
new ErrorLog(gpu);
gpu.destroy();`;

Deno.test({
  name:
    "a kernel that does not compile and a lost device show in the cell; one that was read does not",
  ignore: !await webgpuAvailable(),
  fn: async () => {
    await using cells = await Cells.start();
    const shown = async (code: string) =>
      (await cells.run(`${code}\n${wait}`)).outputs.map((output) =>
        output.output_type === "stream" ? `${output.name}: ${output.text}` : output.output_type
      );
    const [compile, ...more] = await shown(launch);
    assertMatch(compile, /^stderr: webgpu failed .*broken_kernel/);
    const [lost, ...rest] = await shown(lose);
    assertMatch(lost, /^stderr: the webgpu device was lost/);
    const read =
      "device.launch(broken, { y }, { size: 1, value: 1 });\nawait device.read(y).catch(() => {});";
    assertEquals([more, rest, await shown(read)], [[], [], []]);
  },
});
