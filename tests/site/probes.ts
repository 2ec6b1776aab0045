/** Numbers of the notebooks that run in their pages, with all digits: expressions after the last cell. */

/** By notebooks. Runs on a disk, as of `linear-teacher` in 07, have none: a page has no disk. */
export const probes: Readonly<Record<string, string>> = {
  "00_tour": "[before, learned, right, othersAfter, rows, one.rights, ofRuns, fewer, less]",
  "01_one_low_rank_matrix":
    "[learned.losses, learned.lora.values, compared, steps, logit, Array.from(apart.data), spectra]",
  "02_counting": "[String(full), trained, firstStep, runs, quotients, wanted, gpt2, times4]",
  "03_memory": "[states, factor, fullPeak, loraPeak, byRole, byOptimizer, books]",
  "06_which_matrices_which_rank": "[ownRows, norms, qvCurve, qkCurve, cut, byHand, singularValues]",
  "07_what_did_it_learn":
    "[{ drawn }, oneSeed, twoSeeds, inA, inDelta, between, sizes, counts, study.findings.map((f) => f.found)]",
};

/** A cell that prints them; typed arrays are lists. */
export const probeCell = (name: string): string =>
  `console.log(JSON.stringify(${probes[name]}, (_, value) =>
  ArrayBuffer.isView(value) ? Array.from(value as Float64Array) : value));`;
