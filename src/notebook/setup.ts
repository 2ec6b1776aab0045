/**
 * Prepares a notebook in its first cell: shows GPU failures in the cell, and objects that end a
 * cell.
 *
 * @module
 */

import { inBrowser } from "../core/platform.ts";
import { version } from "../core/program.ts";
import { onDeviceFailure } from "../device/base.ts";
import { openDevice } from "../device/mod.ts";
import { escapeHtml } from "../figures/html.ts";
import { figureLoader } from "../figures/loader.ts";
import { isShown } from "./describe.ts";
import { display, flush, inNotebook, printText, warn } from "./kernel.ts";
import { show } from "./show.ts";
import { listenToStop } from "./stop.ts";

// Setup.

/**
 * Prepares a notebook: loads plotly into the page, listens to the Stop button, and shows the versions and the
 * device. Calling it again is harmless.
 *
 * @example
 * ```ts
 * import { setup } from "@lowrank/core/notebook";
 *
 * await setup();
 * ```
 */
export async function setup(): Promise<void> {
  const line = await versionLine();
  if (!inNotebook()) return printText(line);
  listenToStop();
  showLastValues();
  showDeviceFailures();
  const html = `${await figureLoader()}<p style="margin: 0">${escapeHtml(line)}</p>`;
  await display({ "text/html": html, "text/plain": line });
  await flush();
}

async function versionLine(): Promise<string> {
  using device = await openDevice();
  const place = inBrowser ? "in this page" : `Deno ${Deno.version.deno}`;
  return `Lowrank ${version}, ${place}; ${device.description}`;
}

// Failures of the device.

/** A read within this time throws the failure itself, and the cell turns red without our help. */
const patienceMs = 500;

let listening = false;

/** Shows device failures that no read reports: a lost device, a kernel that does not compile. */
function showDeviceFailures(): void {
  if (listening) return;
  listening = true;
  onDeviceFailure((failure) => {
    setTimeout(() => {
      if (!failure.thrown) warn(failure.message);
    }, patienceMs);
  });
}

// The last value of a cell.

/** The method that the kernel calls on a cell's last value; it shows the result. */
const method = Symbol.for("Jupyter.display");

/**
 * Lets a cell end with a model, a figure, a spectrum or anything else that `show` has a form for, or a list
 * of such. Most of these are plain records without a class, so the method is found on every object, and is
 * undefined for all others. It shows the object and returns nothing for the kernel to show: what the kernel
 * sends itself may appear below the next cell.
 */
function showLastValues(): void {
  Object.defineProperty(Object.prototype, method, {
    configurable: true,
    get() {
      return isShown(this) ? showThis : undefined;
    },
    set(value) {
      const own = { value, configurable: true, enumerable: true, writable: true };
      Object.defineProperty(this, method, own);
    },
  });
}

async function showThis(this: object): Promise<Record<string, never>> {
  await show(this);
  return {};
}
