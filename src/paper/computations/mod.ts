/** What follows from arithmetic, table by table. @module */

import type { Computations } from "../computation.ts";
import { amplification } from "./amplification.ts";
import { glue } from "./glue.ts";
import { dartAndWebNlg, e2e } from "./gpt2.ts";
import { table15, table4, table5 } from "./gpt3.ts";
import { latency } from "./latency.ts";
import { text } from "./text.ts";

/** The computations of every table that has any. */
export const computations: Readonly<Record<string, Computations>> = {
  table1: latency,
  table2: glue,
  table3: e2e,
  table4,
  table5,
  table7: amplification,
  table13: dartAndWebNlg,
  table14: dartAndWebNlg,
  table15,
  text,
};
