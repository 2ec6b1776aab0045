/** The other notebooks' cells in a page, in Deno's Jupyter kernel and in Deno: the same numbers on the cpu device. */

import { quickNotebook, testSameNumbers } from "./same_numbers.ts";
import { probes } from "./probes.ts";

for (const name of Object.keys(probes)) if (name !== quickNotebook) testSameNumbers(name);
