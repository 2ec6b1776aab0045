/** The plotly library. @module */

import { readText } from "../core/files.ts";

/** Its source, from its package: one file without dependencies. */
export async function plotlySource(): Promise<string> {
  await import("npm:plotly.js-cartesian-dist-min@4.1.1/package.json", { with: { type: "json" } });
  const folder = import.meta.resolve("npm:plotly.js-cartesian-dist-min@4.1.1/package.json");
  return await readText(new URL("plotly-cartesian.min.js", folder));
}

/**
 * How a live plot behaves: it is as wide as its container and has no button bar, which would cover legends
 * and can send data to plotly's site. Dragging zooms; a double click resets.
 */
export const plotlyConfig = { displayModeBar: false, responsive: true } as const;
