/** The other notebooks' cells in a page, in Deno's Jupyter kernel and in Deno: equal bits on the cpu device. */

import { quickNotebook, testEqualBits } from "./equal_bits.ts";
import { probes } from "./probes.ts";

for (const name of Object.keys(probes)) if (name !== quickNotebook) testEqualBits(name);
