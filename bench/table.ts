/** The summary as Markdown. @module */

import { type Goal, goalsOf } from "./goals.ts";
import type { Row, Spread, Summary } from "./summary.ts";
import { generation } from "./workloads.ts";

/** Our contender that another one is compared with: the one on the same kind of device. */
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

function tokenLines({ rows }: Summary): string[] {
  return rows.filter((row) => row.case === "generate").map(({ contender, each }) =>
    `- ${contender} generates ${number(1000 * generation.tokens / each.min, 0)} tokens a second`
  );
}

/** Least of three fresh processes each. */
function firstCallLines({ startUp }: Summary): string[] {
  return (startUp?.firstCalls ?? []).map(({ variant, what, openMs, loadMs, firstMs, totalMs }) =>
    `- ours ${variant}, first ${what}: ${number(totalMs, 0)} ms from start to end of the process ` +
    `(device ${number(openMs, 0)}, model ${number(loadMs, 0)}, ${what} ${number(firstMs, 0)})`
  );
}

function goalLine({ demand, figures, wanted }: Goal): string {
  const found = figures.map(({ name, value, met }) =>
    `${name} ${number(value, value < 20 ? 2 : 0)}${met ? "" : " (missed)"}`
  );
  const missing = wanted - figures.length, missed = figures.some(({ met }) => !met);
  const verdict = missed ? "missed" : missing > 0 ? `${missing} not measured` : "met";
  return `| ${demand} | ${found.join(", ")} | ${verdict} |`;
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
    [summary.machine, summary.note].filter(Boolean).join(". "),
    `Roof: ${roof.gflops} GFLOP/s, ${roof.copyGBs} GB/s copied.` +
    (startUp
      ? ` Importing mod.ts: ${number(startUp.importMs - startUp.emptyMs, 0)} ms more than nothing.`
      : ""),
    firstCallLines(summary).join("\n"),
    Object.entries(devices).map(([name, device]) => `- ${name}: ${device}`).join("\n"),
    [
      "| case | contender | ms, wait each | ms, wait every ten | ratio each, min | median | " +
      "ratio ten, min | median | of roof | first ms | same number |",
      "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|---|",
      ...lines,
    ].join("\n"),
    [...lowRankLines(summary), ...tokenLines(summary)].join("\n"),
    "What must be shown, in the least times of steps, waited for one by one where it says nothing else:\n\n" +
    ["| what | found | verdict |", "|---|---|---|", ...goalsOf(summary).map(goalLine)].join("\n"),
    ["Not run:", ...notRun.map(({ what, why }) => `- ${what}: ${why}`)].join("\n"),
  ].filter((part) => part !== "").join("\n\n") + "\n";
}
