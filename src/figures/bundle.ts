/** A figure as a bundle from which every notebook front end can show something. @module */

import type { Figure } from "./figure.ts";
import { figureCard } from "./figure_card.ts";
import { compactJson } from "./json.ts";
import { plotlyConfig } from "./plotly.ts";
import { withSlider } from "./plotly_slider.ts";
import { framed, plotSvg } from "./static_svg.ts";

/** The same output in several media types; a front end shows the richest that it can. */
export type MimeBundle = Readonly<Record<string, unknown>>;

/**
 * A figure as `application/vnd.plotly.v1+json`, `text/html` (the still picture, which the page's
 * plotly makes live: {@link figureLoader}), `image/svg+xml` and `text/plain`. Pictures are `width` pixels
 * wide, by default 800.
 */
export async function figureBundle(figure: Figure, width?: number): Promise<MimeBundle> {
  const plot = await plotSvg(figure, width);
  return {
    "application/vnd.plotly.v1+json": JSON.parse(compactJson(titled(figure))),
    "text/html": figureCard(figure, plot),
    "image/svg+xml": framed(plot, figure),
    "text/plain": plainFigure(figure),
  };
}

/** A specification with the title and the slider drawn by plotly, as some front ends show nothing else. */
function titled({ title, data, layout, slider }: Figure) {
  const headed = { ...layout, title: { text: title } };
  return { data, layout: slider ? withSlider(headed, slider) : headed, config: plotlyConfig };
}

/** Title, caption and a line about each trace. */
function plainFigure({ title, caption, data, slider }: Figure): string {
  const traces = data.map(({ name, type, x, y, z }, place) => {
    const values = (y ?? z ?? x ?? []) as ArrayLike<unknown>;
    return `  ${name ?? `trace ${place + 1}`}: ${type ?? "scatter"}, ${values.length} values`;
  });
  const steps = slider
    ? [`${slider.name}: ${slider.steps.map(({ label }) => label).join(", ")}`]
    : [];
  return [`[figure] ${title}`, caption, ...steps, ...traces].join("\n");
}
