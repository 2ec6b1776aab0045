/** A notebook's cells in a page, in Deno's Jupyter kernel and in Deno: equal bits on the cpu device. */

import { quickNotebook, testEqualBits } from "./equal_bits.ts";

testEqualBits(quickNotebook);
