/** The devices on which the same checks run, and the tests made of them. @module */

import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import type { Device } from "../../src/device/device.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { openWebgpuDevice } from "../../src/device/webgpu/webgpu_device.ts";
import { webgpuAvailable } from "./parts.ts";

/** A device and its relative rounding error. */
export interface TestedDevice {
  readonly name: string;
  readonly epsilon: number;
  open(): Device | Promise<Device>;
}

/** What holds on every device, and the test of it. */
export interface Check {
  readonly name: string;
  readonly run: (device: Device, epsilon: number) => void | Promise<void>;
}

/** The devices that need nothing but Deno. */
export const coreDevices: readonly TestedDevice[] = [
  { name: "reference", epsilon: 2 ** -52, open: () => new ReferenceDevice() },
  { name: "cpu", epsilon: 2 ** -23, open: () => openCpuDevice({ threads: 2 }) },
];

const webgpu: TestedDevice = { name: "webgpu", epsilon: 2 ** -23, open: () => openWebgpuDevice() };

/** A test of each check on each of the core devices. */
export function testOnCoreDevices(checks: readonly Check[]): void {
  for (const device of coreDevices) testOn(device, checks);
}

/** A test of each check on webgpu, ignored without an adapter. */
export async function testOnWebgpu(checks: readonly Check[]): Promise<void> {
  testOn(webgpu, checks, !await webgpuAvailable());
}

function testOn(
  { name: kind, epsilon, open }: TestedDevice,
  checks: readonly Check[],
  ignore = false,
) {
  for (const { name, run } of checks) {
    Deno.test({
      name: `${kind}: ${name}`,
      ignore,
      fn: async () => {
        using device = await open();
        await run(device, epsilon);
      },
    });
  }
}
