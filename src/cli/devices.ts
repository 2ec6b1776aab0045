/** `lowrank devices`. @module */

import type { Command } from "./commander.ts";
import { listDevices } from "../device/mod.ts";
import { type CommonOptions, note, print } from "./common.ts";
import { table } from "./table.ts";

/** Adds `devices`, which lists this machine's devices and marks the one that would be used. */
export function addDevices(program: Command): void {
  program.command("devices").description(
    "list this machine's devices; * marks the one that other commands would use",
  )
    .action(async (options: CommonOptions) => {
      const { devices, refusal, ...listing } = await listDevices();
      options.opened?.();
      const chosen = options.device === "auto" ? listing.chosen : options.device;
      if (!devices.some(({ kind }) => kind === chosen)) note(options, `no ${chosen} device found`);
      const isRefused = refusal !== null && options.device !== "cpu";
      if (isRefused) note(options, refusal);
      print(options, { chosen, refusal, devices }, () =>
        table(devices, [
          ["", ({ kind }) => kind === chosen && !isRefused ? "*" : ""],
          ["kind", ({ kind }) => kind],
          ["name", ({ name }) => name],
          ["software", ({ software }) => software ? "yes" : "no"],
          ["threads", ({ threads }) => threads ?? ""],
          ["BLAS", ({ blas }) => blas ?? ""],
        ]));
    });
}
