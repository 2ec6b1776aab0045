/** The plotly library. @module */

import { readText } from "../core/files.ts";

/** Its source, from its package: one file that needs nothing else. */
export async function plotlySource(): Promise<string> {
  await import("npm:plotly.js-cartesian-dist-min@4.1.1/package.json", { with: { type: "json" } });
  const folder = import.meta.resolve("npm:plotly.js-cartesian-dist-min@4.1.1/package.json");
  return await readText(new URL("plotly-cartesian.min.js", folder));
}

/**
 * How a live plot behaves: as wide as its place, without plotly's bar of buttons, which covers
 * legends and has one that sends data elsewhere. Dragging zooms, a double click shows all again.
 */
export const plotlyConfig = { displayModeBar: false, responsive: true } as const;
