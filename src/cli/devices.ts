/** `lowrank devices`. @module */

import type { Command } from "./commander.ts";
import { listDevices } from "../device/mod.ts";
import { type CommonOptions, print } from "./common.ts";
import { table } from "./table.ts";

/** Adds `devices`, which lists this machine's devices and marks the default. */
export function addDevices(program: Command): void {
  program.command("devices").description(
    "list this machine's devices; * marks the one that auto uses",
  )
    .action(async (options: CommonOptions) => {
      const listing = await listDevices();
      print(options, listing, () =>
        table(listing.devices, [
          ["", ({ kind }) => kind === listing.chosen ? "*" : ""],
          ["kind", ({ kind }) => kind],
          ["name", ({ name }) => name],
          ["software", ({ software }) => software ? "yes" : "no"],
          ["threads", ({ threads }) => threads ?? ""],
          ["BLAS", ({ blas }) => blas ?? ""],
        ]));
    });
}
