/** `lowrank devices`. @module */

import type { Command } from "./commander.ts";
import { listDevices } from "../device/mod.ts";
import { type CommonOptions, print } from "./common.ts";
import { table } from "./table.ts";

/** Lists the devices of this machine and which one would be chosen. */
export function addDevices(program: Command): void {
  program.command("devices").description(
    "list the devices of this machine and the one that auto takes (*)",
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
