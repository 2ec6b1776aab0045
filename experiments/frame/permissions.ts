/** Least permission of the main job. @module */

import { libraryWanted } from "../../src/blas/mod.ts";
import { opener } from "./open_in_browser.ts";
import { closeFfi } from "../../src/linalg/mod.ts";
import type { ReproduceOptions } from "./reproduce.ts";

/**
 * Gives up for good which programs these options do not start: the browser without `--open`, and Deno without the
 * experiment that measures memory in a process of its own. FFI is given up as soon as the BLAS is open.
 *
 * @returns A function that gives up FFI: to be called when the device is open.
 */
export function keepNeeded({ only, open }: Pick<ReproduceOptions, "only" | "open">): () => void {
  if (!libraryWanted()) closeFfi();
  const revokeRun = (command: string) => Deno.permissions.revokeSync({ name: "run", command });
  if (!open) revokeRun(opener);
  if (only.length > 0 && !only.includes("resident")) revokeRun(Deno.execPath());
  return closeFfi;
}
