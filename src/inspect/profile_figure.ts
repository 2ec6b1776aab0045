/** A profile as a table and as a picture of the step. @module */

import {
  axis,
  baseLayout,
  type Column,
  type DataTable,
  type Figure,
  palette,
  table,
} from "../figures/mod.ts";
import type { TracedLaunch } from "../device/mod.ts";
import { digits } from "../core/numbers.ts";
import type { Profile, ProfileRow } from "./profile.ts";

/** A profile's kernels, those that take longest first, and what is left of the step. */
export function profileTable({ device, alone, roof, traced, outside, rows }: Profile): DataTable {
  const rest = { kernel: "no kernel (the host's work, waiting)", time: outside };
  const all: Partial<ProfileRow>[] = [...rows, { ...rest, share: outside / traced }];
  const speed = (of: "flops" | "bytes") => (row: Partial<ProfileRow>) =>
    row[of] ? row[of] / row.time! / 1e6 : undefined;
  const hasThreads = rows.some(({ threads }) => threads !== undefined);
  return table<Partial<ProfileRow>>({
    id: "profile",
    title: `A step of ${digits(alone, 3)} ms, ${digits(100 * roof, 2)}% of the roof, ` +
      `${digits(traced, 3)} ms while traced; ${device}`,
    columns: [
      ["kernel", "kernel", "text"],
      ["launches", "launches", "count"],
      ["time", "ms", "time"],
      ["share", "of the step (%)", "percent", ({ share }) => share && 100 * share],
      ["flops", "GFLOP/s", "share", speed("flops")],
      ["bytes", "GB/s", "share", speed("bytes")],
      ["roof", "of the roof (%)", "percent", ({ roof }) => roof && 100 * roof],
      ...hasThreads ? [threadsColumn] : [],
    ],
    rows: all,
  });
}

const threadsColumn: Column<Partial<ProfileRow>> = [
  ...["threads", "threads", "share"] as const,
  ({ threads }) => threads,
];

/** Kernels of a kind are drawn in one row; the first pattern that fits names it. */
const kinds: readonly (readonly [kind: string, names: RegExp])[] = [
  ["products", /^(matmul|segment_product|head_product)/],
  ["attention", /^(attention|softmax|rotary|distance)/],
  ["norms", /norm_(forward|backward)/],
  ["loss", /^(cross_entropy|kl_)/],
  ["optimizer", /^(adamw|sum_squares|root_sum)/],
  ["other kernels", /^/],
];

/** When each kernel of a step ran, in a row for each kind. */
export function profileFigure({ device, launches, traced }: Profile): Figure {
  const byKind = Map.groupBy(launches, kindOf);
  const colors = [...palette.series, palette.base];
  const shown = kinds.flatMap(([kind], i) => byKind.has(kind) ? [{ kind, color: colors[i] }] : []);
  return {
    id: "profile-steps",
    title: `When each kernel of a step ran: ${launches.length} launches in ${digits(traced, 3)} ms`,
    caption: `A bar for each launch. Gaps are time in which no kernel ran. ${device}.`,
    data: shown.map(({ kind, color }) => barsOf(kind, byKind.get(kind)!, color)),
    layout: baseLayout(
      axis("ms", { range: [0, traced] }),
      axis("", { autorange: "reversed" }),
      { barmode: "overlay", height: 120 + 40 * shown.length, showlegend: false },
    ),
  };
}

function kindOf({ kernel: { name } }: TracedLaunch): string {
  return kinds.find(([, names]) => names.test(name))![0];
}

function barsOf(kind: string, launches: readonly TracedLaunch[], color: string) {
  return {
    type: "bar" as const,
    orientation: "h" as const,
    name: kind,
    base: launches.map(({ start }) => start),
    x: launches.map(({ time }) => time),
    y: launches.map(() => kind),
    text: launches.map(({ kernel }) => kernel.name),
    textposition: "none",
    hovertemplate: "%{text}: %{x:.3f} ms<extra></extra>",
    marker: { color },
  };
}
