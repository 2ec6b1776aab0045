/** The summary as Markdown. @module */

import type { Row, Spread, Summary } from "./summary.ts";

/** Which of ours a contender is held against: what runs on the same kind of device. */
export function oursFor(contender: string): string {
  return contender.endsWith("webgpu") ? "ours webgpu" : "ours cpu";
}

/** Peer's time by ours: above 1, ours is the faster. */
export function ratio(peer: Spread | null, ours: Spread | null | undefined, key: keyof Spread) {
  return peer && ours ? peer[key] / ours[key] : null;
}

function number(value: number | null, digits = 2): string {
  return value === null ? "–" : value.toFixed(digits);
}

function lineOf(row: Row, ours: Row | undefined): string {
  const ratios = [
    ratio(row.each, ours?.each, "min"),
    ratio(row.each, ours?.each, "median"),
    ratio(row.ten, ours?.ten, "min"),
    ratio(row.ten, ours?.ten, "median"),
  ].map((value) => number(value));
  const share = row.shareOfRoof === null ? "–" : `${(100 * row.shareOfRoof).toFixed(0)}%`;
  const cells = [row.case, row.contender, number(row.each.min), number(row.ten?.min ?? null)];
  return [...cells, ...ratios, share, number(row.firstMs, 0), row.same ? "yes" : "NO"].join(" | ");
}

/** Adapted forward by frozen forward, and the frozen one once more, which is what a merged layer costs. */
function lowRankLines({ rows }: Summary): string[] {
  return rows.filter((row) => row.case === "low_rank adapted").map(({ contender, each, ten }) => {
    const of = (name: string) =>
      rows.find((row) => row.case === `low_rank ${name}` && row.contender === contender);
    const [frozen, again] = [of("frozen"), of("frozen again")];
    const ratios = (["min", "median"] as const).flatMap((key) => [
      `${key} ${number(ratio(each, frozen?.each, key))} (ten ${
        number(ratio(ten, frozen?.ten, key))
      })`,
      `merged ${number(ratio(again?.each ?? null, frozen?.each, key))}`,
    ]);
    return `- ${contender}, adapted by frozen: ${ratios.join(", ")}`;
  });
}

/** Ratios, shares of the roof, first calls, devices, and what was not run. */
export function tableOf(summary: Summary): string {
  const { rows, roof, devices, notRun, startUp } = summary;
  const lines = rows.map((row) => {
    const name = oursFor(row.contender);
    const ours = rows.find((other) => other.case === row.case && other.contender === name);
    return `| ${lineOf(row, ours)} |`;
  });
  return [
    `# Benchmark of ${summary.date}, Deno ${summary.deno}, ${summary.rounds} rounds`,
    summary.note,
    `Roof: ${roof.gflops} GFLOP/s, ${roof.copyGBs} GB/s copied. ` +
    `Importing mod.ts: ${number(startUp.importMs - startUp.emptyMs, 0)} ms more than nothing.`,
    Object.entries(devices).map(([name, device]) => `- ${name}: ${device}`).join("\n"),
    [
      "| case | contender | ms, wait each | ms, wait every ten | ratio each, min | median | " +
      "ratio ten, min | median | of roof | first ms | same number |",
      "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|---|",
      ...lines,
    ].join("\n"),
    lowRankLines(summary).join("\n"),
    ["Not run:", ...notRun.map(({ what, why }) => `- ${what}: ${why}`)].join("\n"),
  ].filter((part) => part !== "").join("\n\n") + "\n";
}
