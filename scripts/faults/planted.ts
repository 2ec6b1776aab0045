/** The faults by which the tests are measured. @module */

import type { Fault } from "./fault.ts";
import { groundFaults } from "./planted/ground.ts";
import { kernelFaults } from "./planted/kernels.ts";
import { modelFaults } from "./planted/models.ts";
import { programFaults } from "./planted/programs.ts";

/** Sixty, in every folder of `src` and in the kernels; chosen without looking at what catches them. */
export const plantedFaults: readonly Fault[] = [
  ...[...kernelFaults, ...groundFaults, ...modelFaults, ...programFaults],
];
