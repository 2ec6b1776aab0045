/** The ratios as one picture: a bar a case and peer, on a logarithmic axis with 1 in the middle. @module */

import type { Summary } from "./summary.ts";
import { oursFor, ratio } from "./table.ts";

const rowHeight = 15, left = 250, width = 420;

const escape = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

function barsOf({ rows }: Summary): { label: string; value: number }[] {
  return rows.flatMap((row) => {
    if (row.contender.startsWith("ours")) return [];
    const ours = rows.find((other) =>
      other.case === row.case && other.contender === oursFor(row.contender)
    );
    const value = ratio(row.each, ours?.each, "min");
    return value ? [{ label: `${row.case}, ${row.contender}`, value }] : [];
  });
}

function bar({ label, value }: { label: string; value: number }, i: number): string {
  // Ten times slower and ten times faster are equally far from the middle.
  const middle = left + width / 2, end = middle + Math.log10(value) * width / 4;
  const y = 55 + i * rowHeight, [from, to] = [Math.min(middle, end), Math.max(middle, end)];
  const fill = value >= 1 ? "#2a7f9e" : "#c8663a";
  return `<text x="${left - 8}" y="${y + 11}" text-anchor="end">${escape(label)}</text>` +
    `<rect x="${from.toFixed(1)}" y="${y + 2}" width="${
      (to - from).toFixed(1)
    }" height="11" fill="${fill}"/>` +
    `<text x="${left + width + 8}" y="${y + 11}">${value.toFixed(2)}</text>`;
}

/** An SVG of peer / ours, the least time of steps waited for one by one. */
export function figure(summary: Summary): string {
  const bars = barsOf(summary), height = 65 + bars.length * rowHeight, middle = left + width / 2;
  const title = "Time of a peer by that of ours (log), right: ours is faster.";
  const what = `Ours: cpu without BLAS, for webgpu peers webgpu. ${
    summary.machine ?? ""
  } ${summary.date}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${left + width + 60} ${height}" ` +
    `font-family="sans-serif" font-size="10"><rect width="100%" height="100%" fill="#fff"/>` +
    `<text x="10" y="20" font-size="13">${escape(title)}</text>` +
    `<text x="10" y="38">${escape(what.trim())}</text>` + bars.map(bar).join("") +
    `<line x1="${middle}" x2="${middle}" y1="49" y2="${height - 8}" stroke="#333"/></svg>\n`;
}
