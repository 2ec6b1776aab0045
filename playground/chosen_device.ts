/** The device that a reader has chosen. @module */

import { type Device, openDevice } from "../src/device/mod.ts";
import type { State } from "./state.ts";

/**
 * Opens a device.
 *
 * @throws {Error} when there is none, in words for readers of the page.
 */
export async function openChosen(kind: State["device"]): Promise<Device> {
  try {
    return await openDevice({ kind });
  } catch (cause) {
    if (kind !== "webgpu") throw cause;
    throw new Error("No GPU was found: choose the CPU under “Computed by”", { cause });
  }
}
