/** A figure of each kind that the tests draw. */

import { axis, baseLayout, type Figure, sliderFigure } from "../../src/figures/figure.ts";

/** Ends a script and an attribute, were it not escaped. */
export const hostile = `</script><img src=x onerror="alert('1')">&`;

/** Two lines of three points. */
export const lines: Figure = {
  id: "lines",
  title: "Two lines",
  caption: "Seed 1.",
  data: [
    { type: "scatter", mode: "lines", name: "one", x: [0, 1, 2], y: [1, 2, 4] },
    { type: "scatter", mode: "lines", name: "two", x: [0, 1, 2], y: [4, 2, 1] },
  ],
  layout: baseLayout(axis("step"), axis("loss (nats)")),
};

/** Two by two cells, red where z is 0 and blue where it is 1. */
export const cells: Figure = {
  id: "cells",
  title: "Four cells",
  caption: "Computed.",
  data: [{
    type: "heatmap",
    z: [[0, 1], [1, 1]],
    zmin: 0,
    zmax: 1,
    colorscale: [[0, "#ff0000"], [1, "#0000ff"]],
    showscale: false,
  }],
  layout: baseLayout(axis("j"), axis("i")),
};

/** A slider with three steps. */
export const moving: Figure = sliderFigure({
  id: "moving",
  title: "A line that turns",
  caption: "y = slope · x.",
  name: "slope",
  steps: [1, 2, 3].map((slope) => ({
    label: String(slope),
    caption: `three times ${slope} is ${3 * slope}`,
    data: [{ type: "scatter", mode: "lines", x: [0, 3], y: [0, 3 * slope] }],
  })),
  layout: baseLayout(axis("x"), axis("y", { range: [0, 9] })),
});
