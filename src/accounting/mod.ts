/** Closed formulas of parameters and bytes. @module */

export { adapterBytes, lowRankParameters, trainingBytesAdam } from "./formulas.ts";
