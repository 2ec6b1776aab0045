/** What the latency study claims of its rows; decision 0026 has the reasons of the rules. @module */

import said from "../../src/paper/printed/claims.json" with { type: "json" };
import type { Claim } from "../frame/mod.ts";
import {
  adaptersIn,
  byBatch,
  type LatencyRow,
  type MethodCells,
  overall,
  smallestCell,
  spacesOf,
} from "./rows.ts";

type Rows = readonly LatencyRow[];

/** `+1.2%`. */
export const signedPercent = (share: number): string =>
  `${share < 0 ? "−" : "+"}${Math.abs(100 * share).toFixed(1)}%`;

/** How far from the base's time merged LoRA's may be, either way. */
const mergedShare = 0.02;

const bySpace = (rows: Rows, say: (space: string) => string): string =>
  spacesOf(rows).map((space) => `${space}: ${say(space)}`).join(". ") + ".";

const mergedIn = (rows: Rows, space: string): string =>
  signedPercent(overall(rows, space, "merged").mean);

/** What a reader has to know of a space whose base differs from itself. */
function noiseIn(rows: Rows, space: string): string {
  const { mean } = overall(rows, space, "base again");
  if (Math.abs(mean) <= mergedShare) return "";
  return `; the base again is ${
    signedPercent(mean)
  } off, so that this run, on a busy machine, cannot tell`;
}

function isSlowestAtOne(method: MethodCells): boolean {
  const [one, ...others] = byBatch(method);
  return others.every(({ share }) => share < one.share);
}

function batchesOf(method: MethodCells): string {
  const [one, ...others] = byBatch(method), last = others.at(-1) ?? one;
  return `${method.method} ${signedPercent(one.share)} at batch 1, ${
    signedPercent(last.share)
  } at ${last.batch}`;
}

/** Of an adapter that adds no time, launches explain nothing. */
const isByLaunches = (method: MethodCells): boolean => {
  const { share, byLaunches } = smallestCell(method);
  return share > 0 && byLaunches >= 0.5;
};

const inSpace = (rows: Rows, space: string): MethodCells[] =>
  adaptersIn(rows).filter((method) => method.space === space);

/** The three of decision 0026. */
export const latencyClaims: readonly Claim<Rows>[] = [{
  text: "Merged LoRA takes as long as the base",
  rule:
    "when on each shape and device the geometric mean over the cells of merged by base, minima of " +
    `passes that take turns, is within ${100 * mergedShare}% of 1`,
  ...said.latency,
  ours: (rows) => spacesOf(rows).map((space) => mergedIn(rows, space)).join("; "),
  holds: (rows) =>
    spacesOf(rows).every((space) => Math.abs(overall(rows, space, "merged").mean) <= mergedShare),
  found: (rows) =>
    bySpace(rows, (space) => {
      const [merged, again] = (["merged", "base again"] as const)
        .map((model) => overall(rows, space, model));
      const control = `${signedPercent(again.mean)} (${signedPercent(again.largest)})`;
      return `${signedPercent(merged.mean)} (largest of a cell ${
        signedPercent(merged.largest)
      }); the control, the base again, ${control}${noiseIn(rows, space)}`;
    }),
}, {
  text: "Adapter layers slow a pass down most at batch 1",
  rule:
    "when on each shape and device, for H and L at every bottleneck, the slow-down averaged over the " +
    "lengths that every batch has is largest at batch 1",
  ...said.latencyAdapters,
  ours: (rows) => {
    const methods = adaptersIn(rows), held = methods.filter(isSlowestAtOne);
    return `${held.length} of ${methods.length} adapters`;
  },
  holds: (rows) => adaptersIn(rows).every(isSlowestAtOne),
  found: (rows) =>
    bySpace(
      rows,
      (space) => inSpace(rows, space).map(batchesOf).join("; ") + noiseIn(rows, space),
    ),
}, {
  text: "The fixed cost of launching more kernels is most of the reason",
  rule:
    "when on each shape and device, at batch 1 and the shortest length, extra launches times the " +
    "measured cost of one are at least half of what each adapter adds",
  beyond: true,
  ours: (rows) => {
    const methods = adaptersIn(rows), held = methods.filter(isByLaunches);
    return `${held.length} of ${methods.length} adapters`;
  },
  holds: (rows) => adaptersIn(rows).every(isByLaunches),
  found: (rows) =>
    bySpace(rows, (space) => {
      const methods = inSpace(rows, space), [{ cells: [{ row }] }] = methods;
      const parts = methods.map((method) => {
        const { share, ...parts } = smallestCell(method);
        const [byLaunches, byFlops, ofOneToken] = [
          parts.byLaunches,
          parts.byFlops,
          parts.ofOneToken,
        ].map((part) => `${Math.round(100 * part)}%`);
        return `${method.method} ${
          signedPercent(share)
        }, of which launches ${byLaunches}, operations ` +
          `${byFlops}, and with a single token already ${ofOneToken}`;
      });
      return `a launch costs ${row.launchMicros.toFixed(1)} µs; ${parts.join("; ")}`;
    }),
}];
