/** `lowrank devices`. @module */

import { listDevices } from "../../device/mod.ts";
import type { LowrankCommand } from "../command.ts";
import { type CommonOptions, note, print, table } from "../common.ts";

const help = `
Variables:
  LOWRANK_DEVICE            cpu or webgpu, where --device does not say (auto)
  LOWRANK_REQUIRE_HARDWARE  1 refuses software, and the CPU in place of a GPU,
                            unless --device cpu asks for it
  LOWRANK_TUNED             a file of deno task tune, which in a clone finds the
                            fastest programs for a GPU
  LOWRANK_BLAS              off, auto or the path of a library (default: auto)

JSON: {"chosen", "refusal", "devices"}; chosen is null where a command would be
refused, or there is no such device.`;

/** Lists this machine's devices and marks the one that would be used. */
export const devicesCommand: LowrankCommand = {
  name: "devices",
  summary: "list this machine's devices; * marks the one that other commands would use",
  uses: ["--device"],
  permissions: ["device"],
  help,
  example: "devices",
  run,
};

async function run(options: CommonOptions): Promise<void> {
  const { devices, refusal, ...listing } = await listDevices();
  options.opened?.();
  const asked = options.device === "auto" ? listing.chosen : options.device;
  const isThere = devices.some(({ kind }) => kind === asked);
  const isRefused = refusal !== null && options.device !== "cpu";
  const chosen = isThere && !isRefused ? asked : null;
  if (!isThere) note(options, `no ${asked} device found`);
  if (isRefused) note(options, refusal);
  print(options, { chosen, refusal, devices }, () =>
    table(devices, [
      ["", ({ kind }) => kind === chosen ? "*" : ""],
      ["kind", ({ kind }) => kind],
      ["name", ({ name }) => name],
      ["software", ({ software }) => software ? "yes" : "no"],
      ["threads", ({ threads }) => threads ?? ""],
      ["BLAS", ({ blas }) => blas ?? ""],
    ]));
}
