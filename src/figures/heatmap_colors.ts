/** The colors of heat maps. @module */

import { largestOf } from "../core/numbers.ts";

/**
 * `phi`: values from 0 to 1, with most of the colors for the small ones. `beyond chance`: φ minus its value
 * by chance, which is white, with as much color as the largest needs.
 */
export type HeatmapScale = "phi" | "beyond chance";

/** The color axis for values of all panels, which are together so many pixels high. */
export function colorAxis(
  scale: HeatmapScale,
  values: readonly number[],
  height: number,
): Readonly<Record<string, unknown>> {
  return scale === "phi" ? phiAxis(height) : beyondChanceAxis(roundedUp(largestOf(values)));
}

/** Of a lower color bar, the labels of 0 and 0.15 would touch. */
const leastHeight = 200;

const thickness = 12;

/** White for 0 (nothing in common), dark for 1 (everything): 0.03 and 0.14 must look different. */
const phiAxis = (height: number) => ({
  cmin: 0,
  cmax: 1,
  colorscale: [
    [0, "#ffffff"],
    [0.05, "#dcedf9"],
    [0.15, "#a6d4f2"],
    [0.3, "#56b4e9"],
    [0.6, "#0072b2"],
    [1, "#00263f"],
  ],
  colorbar: {
    title: { text: "φ" },
    thickness,
    tickvals: height < leastHeight ? [0, 0.3, 0.6, 1] : [0, 0.15, 0.3, 0.6, 1],
  },
});

/** Orange below chance, white at it, blue above. */
const signedColors = [
  [0, "#8a3d00"],
  [0.25, "#e89a5b"],
  [0.5, "#ffffff"],
  [0.75, "#56b4e9"],
  [1, "#00446b"],
];

function beyondChanceAxis(most: number): Record<string, unknown> {
  const tickvals = [-most, -most / 2, 0, most / 2, most];
  const ticktext = tickvals.map((value) => value === 0 ? "chance" : signed(value));
  const colorbar = { title: { text: "φ − chance" }, thickness, tickvals, ticktext };
  return { cmin: -most, cmax: most, colorscale: signedColors, colorbar };
}

/** The next number whose half is short, too. */
const roundedUp = (most: number): number =>
  [0.1, 0.2, 0.4, 0.6, 0.8].find((end) => most <= end) ?? 1;

const signed = (value: number): string => `${value > 0 ? "+" : "−"}${Math.abs(value)}`;
