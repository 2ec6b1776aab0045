/** The devices on which the same checks run, and the tests made of them. @module */

import { assertEquals } from "@std/assert";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import type { Device } from "../../src/device/device.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { openWebgpuDevice } from "../../src/device/webgpu/webgpu_device.ts";
import { tierIsWanted, webgpuAvailable } from "../../scripts/support/parts.ts";

/** A device and its relative rounding error. */
export interface TestedDevice {
  readonly name: string;
  readonly epsilon: number;
  /** `parts` if it needs more than Deno. */
  readonly tier: "core" | "parts";
  /** False where the machine lacks what it needs: its tests are ignored. */
  available(): boolean | Promise<boolean>;
  open(): Device | Promise<Device>;
}

/** A property of every device, and its test. */
export interface Check {
  readonly name: string;
  readonly run: (device: Device, epsilon: number) => void | Promise<void>;
}

/** The device that computes in float64. */
export const reference: TestedDevice = {
  ...{ name: "reference", epsilon: 2 ** -52, tier: "core", available: () => true },
  open: () => new ReferenceDevice(),
};

/** Two threads of WebAssembly. */
export const cpu: TestedDevice = {
  ...{ name: "cpu", epsilon: 2 ** -23, tier: "core", available: () => true },
  open: () => openCpuDevice({ threads: 2 }),
};

/** The devices that need nothing but Deno. */
export const coreDevices: readonly TestedDevice[] = [reference, cpu];

/** A graphics adapter, a software one included. */
export const webgpu: TestedDevice = {
  ...{ name: "webgpu", epsilon: 2 ** -23, tier: "parts", available: webgpuAvailable },
  open: () => openWebgpuDevice(),
};

/** Every device that computes, in a file named `*_devices_test.ts`. */
export const allDevices: readonly TestedDevice[] = [...coreDevices, webgpu];

/**
 * A test of each check on each of these devices, as far as their tiers are run. The checks of a file share a device,
 * as compiling its programs takes longer than most of them; each leaves its live bytes as they were.
 */
export async function testOn(
  devices: readonly TestedDevice[],
  checks: readonly Check[],
): Promise<void> {
  for (const { name: kind, epsilon, tier, available, open } of devices) {
    if (!tierIsWanted(tier)) continue;
    const ignore = !await available(), shared = ignore ? undefined : openForAll(open);
    for (const { name, run } of checks) {
      Deno.test({
        name: `${kind}: ${name}`,
        ignore,
        fn: async () => {
          const { device } = shared!, { live } = device.ledger.read();
          await run(device, epsilon);
          assertEquals(device.ledger.read().live, live, "bytes that were not given back");
        },
      });
    }
  }
}

/** A device that is open from before the first test of a file to after its last. */
function openForAll(open: TestedDevice["open"]): { readonly device: Device } {
  const shared = {} as { device: Device };
  Deno.test.beforeAll(async () => void (shared.device = await open()));
  Deno.test.afterAll(() => shared.device[Symbol.dispose]());
  return shared;
}
