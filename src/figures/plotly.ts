/** The plotly library. @module */

/** Its source, from its package: one file that needs nothing else. */
export async function plotlySource(): Promise<string> {
  await import("npm:plotly.js-cartesian-dist-min@4.1.1/package.json", { with: { type: "json" } });
  const folder = import.meta.resolve("npm:plotly.js-cartesian-dist-min@4.1.1/package.json");
  return await Deno.readTextFile(new URL("plotly-cartesian.min.js", folder));
}

/** How a live plot behaves: as wide as its place, and nothing that sends data elsewhere. */
export const plotlyConfig = {
  displaylogo: false,
  responsive: true,
  modeBarButtonsToRemove: ["sendChartToCloud", "select2d", "lasso2d"],
} as const;
