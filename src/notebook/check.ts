/** Assertions and experiments in cells. @module */

import type { Outcome } from "../../experiments/mod.ts";
import { openDevice } from "../device/mod.ts";
import { palette } from "../figures/figure.ts";
import { escapeHtml, symbolsHtml } from "../figures/html.ts";
import { display, flush, inNotebook, printText } from "./kernel.ts";
import { progress } from "./progress.ts";
import { stoppable } from "./stop.ts";

/**
 * Asserts a claim: shows a line if it holds; otherwise throws, so that the cell turns red and "Run All"
 * stops there.
 *
 * @param claim The claim, as a sentence.
 * @param holds True if it holds. A promise is refused, as it would always count as true.
 * @param found The numbers found.
 * @throws {Error} when it does not hold; the message has the claim and the numbers.
 * @throws {TypeError} when `holds` is not a boolean.
 *
 * @example
 * ```ts
 * import { check } from "@lowrank/core/notebook";
 *
 * await check("the ratio is above 9,000", 9251 > 9000, "9,251 times");
 * ```
 */
export async function check(claim: string, holds: boolean, found?: string): Promise<void> {
  if (typeof holds !== "boolean") {
    throw new TypeError(`check needs true or false for "${claim}", found ${Deno.inspect(holds)}`);
  }
  if (!holds) {
    throw new Error(`check failed: ${claim}${found === undefined ? "" : `; found ${found}`}`);
  }
  const text = `✓ ${claim}${found === undefined ? "" : `: ${found}`}`;
  if (!inNotebook()) return printText(text);
  await display({ "text/html": lineHtml(claim, found), "text/plain": text });
  await flush();
}

function lineHtml(claim: string, found?: string): string {
  const border = `border-left: 4px solid ${palette.merged}; padding: 0.1em 0 0.1em 0.7em`;
  const rest = found === undefined
    ? ""
    : ` <span style="opacity: 0.75">${escapeHtml(found)}</span>`;
  const line = `<strong style="font-weight: 600">${escapeHtml(claim)}</strong>${rest}`;
  return `<div style="${border}"><span style="color: ${palette.merged}">✓</span> ${
    symbolsHtml(line)
  }</div>`;
}

/**
 * Runs an experiment on the default device with seed 1, as `deno task reproduce --only NAME` does. Runs that
 * are shipped or in `../results` are read instead of trained. It shows a progress bar and can be stopped; runs that
 * are finished by then are kept, and so are those that were finished before a crash.
 *
 * @throws {RangeError} when there is no such experiment; the message lists those that exist.
 * @throws {Error} when it was stopped before it had an outcome.
 *
 * @example
 * ```ts
 * import { runExperiment, show } from "@lowrank/core/notebook";
 *
 * const outcome = await runExperiment("counting");
 * await show(outcome.findings);
 * ```
 */
export async function runExperiment(name: string): Promise<Outcome> {
  // Imported here because experiments read the package's folder, which does not exist over HTTP.
  const { selectExperiments } = await import("../../experiments/registry.ts");
  const [experiment] = selectExperiments([name]);
  const outcome = await stoppable(async (signal) => {
    using device = await openDevice();
    const bar = progress(experiment.title), report = bar.report.bind(bar);
    const options = { seeds: [1], quick: false, full: false, out: "../results" };
    const outcome = await experiment.run({ ...options, device, signal, report });
    await bar.done("done");
    return outcome;
  });
  if (outcome) return outcome;
  throw new Error(`${name} has no outcome: it was stopped before its end; run the cell again`);
}
