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
import { type Profile, type ProfileRow, rowsOf } from "./profile.ts";

/** A row of the table: of a kind's kernels together, of one kernel, or of what is left of the step. */
type TableRow = Partial<ProfileRow> & { readonly kind: string };

/**
 * A profile's kinds of kernels and what is left of the step, which are all of it; then each kernel. Those that take
 * longest are first.
 */
export function profileTable(profile: Profile): DataTable {
  const { device, alone, roof, traced, launches, rows } = profile;
  const kindRows = rowsOf(launches, kindOfLaunch, profile);
  const hasThreads = rows.some(({ threads }) => threads !== undefined);
  return table<TableRow>({
    id: "profile",
    title: `A step of ${digits(alone, 3)} ms, ${digits(100 * roof, 2)}% of the roof, ` +
      `${digits(traced, 3)} ms while traced; ${roofText(profile)}; ${device}${doubts(profile)}`,
    columns: [
      ["kind", "kind", "text"],
      ["kernel", "kernel (m x n x k + rank, T: transposed)", "text"],
      ["launches", "launches", "count"],
      ["time", "ms", "time"],
      ["share", "of the step", "percent", ({ share }) => share && 100 * share],
      ["flops", "GFLOP/s", ...speed("flops")],
      ["bytes", "GB/s", ...speed("bytes")],
      ["roof", "of the roof", "percent", ({ roof }) => roof && 100 * roof],
      ...hasThreads ? [threadsColumn] : [],
    ],
    rows: [
      ...kindRows.map((row) => ({ ...row, kind: row.kernel, kernel: "all" })),
      restOf(profile),
      ...rows.map((row) => ({ ...row, kind: kindOf(row.kernel) })),
    ],
  });
}

function restOf({ outside, traced }: Profile): TableRow {
  const kernel = "the host's work, waiting";
  return { kind: "no kernel", kernel, time: outside, share: outside / traced };
}

const perSecond = (perMs: number): number => perMs / 1e6;

/** Speeds are printed as times are: in three digits, the smallest without an exponent too. */
const speed = (of: "flops" | "bytes") =>
  ["time", (row: TableRow) => row[of] ? perSecond(row[of] / row.time!) : undefined] as const;

/** What 100% is. */
function roofText({ roofs: { flops, bytes } }: Profile): string {
  const [arithmetic, memory] = [flops, bytes].map((speed) => digits(perSecond(speed), 3));
  return `roof: ${arithmetic} GFLOP/s, ${memory} GB/s, measured beside the step`;
}

/** What makes the times doubtful, after the sentence before. */
function doubts({ roof, alone, traced }: Profile): string {
  const isFaster = Number(digits(traced, 3)) < Number(digits(alone, 3));
  return `${roof > 1 ? aboveRoof : ""}${isFaster ? fasterTraced : ""}`;
}

const aboveRoof =
  ". The step exceeds the roof: the machine was busier while the roof was measured, or the " +
  "step's data stays in a cache; its column is of no use";
const fasterTraced = ". The traced step was faster than the step as it is: raise rounds";

const threadsColumn: Column<TableRow> = [
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
export function profileFigure(profile: Profile): Figure {
  const { device, launches, traced } = profile, byKind = Map.groupBy(launches, kindOfLaunch);
  const colors = [...palette.series, palette.base];
  const shown = kinds.flatMap(([kind], i) => byKind.has(kind) ? [{ kind, color: colors[i] }] : []);
  return {
    id: "profile-steps",
    title: `When each kernel of a step ran: ${launches.length} launches in ${digits(traced, 3)} ms`,
    caption: `A bar for each launch. Gaps are time in which no kernel ran. ${device}; ${
      roofText(profile)
    }${doubts(profile)}.`,
    data: shown.map(({ kind, color }) => barsOf(kind, byKind.get(kind)!, color)),
    layout: baseLayout(
      axis("ms", { range: [0, traced] }),
      axis("", { autorange: "reversed" }),
      { barmode: "overlay", height: 120 + 40 * shown.length, showlegend: false },
    ),
  };
}

function kindOf(name: string): string {
  return kinds.find(([, names]) => names.test(name))![0];
}

const kindOfLaunch = ({ kernel: { name } }: TracedLaunch): string => kindOf(name);

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
