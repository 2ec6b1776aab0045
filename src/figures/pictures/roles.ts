/** The roles of pictures: one color each, in every picture, on light and on dark paper. @module */

import { palette } from "../palette.ts";

/** What a matrix is: frozen, trained by full fine-tuning, trained by LoRA, merged, or to be learned. */
export type PictureRole = "base" | "full" | "lora" | "merged" | "target";

const { base, full, lora: [light, dark], merged, signed: [positive, negative] } = palette;

const onLight = {
  ...{ paper: "#ffffff", ink: "#1f2430", soft: "#5b6270", line: "#dfe3ea", target: "#1f2430" },
  ...{ base, full, lora: dark, merged, positive, negative },
};

/** Those that are hard to see on dark paper. */
const onDark = {
  ...{ paper: "#15181f", ink: "#e3e6ec", soft: "#a0a8b8", line: "#2f3541", target: "#e3e6ec" },
  ...{ base: "#9aa3b2", lora: light, positive: "#b67fd0" },
};

const rules = (colors: Readonly<Record<string, string>>): string =>
  `:root { ${Object.entries(colors).map(([name, color]) => `--${name}: ${color};`).join(" ")} }`;

const roles = (["base", "full", "lora", "merged", "target"] satisfies PictureRole[])
  .map((role) => `.${role} { --role: var(--${role}) }`);

/**
 * The style of all pictures, for a page or in an SVG: the colors of the roles, light or dark as the reader's
 * system, and the shapes that have them.
 */
export const pictureStyle = `${rules(onLight)}
@media (prefers-color-scheme: dark) { ${rules(onDark)} }
${roles.join("\n")}
svg .grid { stroke: var(--line); fill: none }
svg .ellipse, svg .spoke { fill: none; stroke: var(--role); stroke-width: 2; stroke-linejoin: round }
svg .ellipse.full { stroke-width: 1.5 }
svg .target { stroke-dasharray: 5 4; stroke-width: 1.5 }
svg .end { fill: var(--role) }
svg .arrow { fill: none; stroke: var(--lora); stroke-width: 2.5 }
svg .dot { fill: var(--soft); opacity: 0.6 }
svg .box { fill: var(--role); fill-opacity: 0.25; stroke: var(--role) }
svg .outline { fill: none; stroke: var(--role) }
svg .positive { fill: var(--positive) }
svg .negative { fill: var(--negative) }`;

/** How much of its color a value from -1 to 1 has; the root makes small values visible. */
export const shadeOf = (value: number): number => Math.min(1, Math.sqrt(Math.abs(value)));
