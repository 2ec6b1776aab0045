/**
 * Runs a case of each program with subgroups on Dawn, Chromium's WebGPU, against its float64 reference; prints their
 * kernels. A program, as Dawn may crash when the process that loaded it ends by itself.
 */

import { requestDevice } from "../../src/device/webgpu/adapter.ts";
import { WebgpuDevice } from "../../src/device/webgpu/webgpu_device.ts";
import { casesByKernel } from "./cases.ts";
import { runCase } from "./kernel_case.ts";

// Not named in the lock, all of which everybody downloads: it has 132 MB.
const { create } = await import(`npm:${"webgpu@0.6.2"}`);
const gpu = create([]); // Dawn crashes where this is collected while one of its devices is used.
const opened = await requestDevice((await gpu.requestAdapter())!);
const device = new WebgpuDevice(opened, "dawn");
const names: string[] = [];
for (const [name, cases] of casesByKernel) {
  const chosen = cases.find(({ kernel: { wgsl }, scalars }) =>
    wgsl.variant?.(opened.traits, scalars)?.code.includes("subgroup")
  );
  if (!chosen) continue;
  await runCase(device, chosen);
  names.push(name);
}
console.log(names.join(" "));
Deno.exit(0);
