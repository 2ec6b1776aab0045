/** Closed formulas of parameters and bytes. @module */

export { lowRankParameters, trainingBytesAdam } from "./formulas.ts";
