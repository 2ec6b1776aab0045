/** Experiments where `LOWRANK_DATA` is no folder with their data. */

import type { Experiment } from "../../experiments/frame/mod.ts";
import type { Outcome } from "../../experiments/frame/experiment.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { withVariables } from "../support/variables.ts";

/** Outcome of an experiment where `LOWRANK_DATA` names no folder. */
export const outcomeWithoutData = (
  experiment: Experiment,
  { full }: { readonly full: boolean },
): Promise<Outcome> =>
  withVariables({ LOWRANK_DATA: "/no/such/folder" }, async () => {
    using device = new DryDevice();
    const { signal } = new AbortController(), report = () => {};
    return await experiment.run({
      ...{ device, seeds: [1], quick: false, full, out: "", signal, report },
    });
  });
