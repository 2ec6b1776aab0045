import { assertEquals } from "@std/assert";
import { DryDevice } from "../../../src/device/dry.ts";
import { openDevice } from "../../../src/device/mod.ts";
import { webgpuAvailable } from "../../support/parts.ts";
import { checkLatency, tracesOn } from "./checks.ts";

Deno.test({
  name: "the latency study measures every model on webgpu, and frees them",
  ignore: !await webgpuAvailable(),
  fn: async () => {
    using device = await openDevice({ kind: "webgpu" });
    await checkLatency(device);
  },
});

Deno.test({
  name: "webgpu traces the launches that dry records, the base's and merged LoRA's alike",
  ignore: !await webgpuAvailable(),
  fn: async () => {
    using dry = new DryDevice();
    using device = await openDevice({ kind: "webgpu" });
    const traced = await tracesOn(device, 10, [1, 4]), [base, , merged] = traced;
    assertEquals([traced, merged], [await tracesOn(dry, 10, [1, 4]), base]);
  },
});
