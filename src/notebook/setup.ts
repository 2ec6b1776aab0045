/** Preparing a notebook in its first cell. @module */

import { version } from "../core/version.ts";
import { openDevice } from "../device/mod.ts";
import { figureLoader } from "../figures/figure_card.ts";
import { escapeHtml } from "../figures/html.ts";
import { showDeviceFailures } from "./device_failures.ts";
import { display, flush, inNotebook, printText } from "./kernel.ts";
import { showLastValues } from "./last_value.ts";
import { listenToStop } from "./stop.ts";

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
  return `Lowrank ${version}, Deno ${Deno.version.deno}; ${device.description}`;
}
