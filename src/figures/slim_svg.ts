/** Shrinks plotly's SVG without changing the picture: a notebook stores each drawing twice. @module */

/** Declarations that repeat the default. */
const idle: ReadonlySet<string> = new Set([
  "opacity:1",
  "fill-opacity:1",
  "stroke-opacity:1",
  "stroke-width:1px",
  "stroke-miterlimit:2",
  "vector-effect:none",
  "white-space:pre",
]);

/** Drops classes, unused clips and empty groups, shortens colors and numbers, and names the font once. */
export function slimSvg(svg: string): string {
  const family = /font-family: ([^;"]+)/.exec(svg)?.[1] ?? "sans-serif";
  const tags = svg.replace(/<[a-z][^>]*>/gi, (tag) => slimTag(tag, family));
  return withoutEmptyParts(withoutIdleClips(tags)).replace(
    "<svg ",
    `<svg style="font-family:${family}" `,
  );
}

function slimTag(tag: string, family: string): string {
  return tag
    .replace(/ class="[^"]*"/, "")
    .replace(/ style="([^"]*)"/, (_, style: string) => {
      const kept = declarations(style).filter((one) => one !== `font-family:${family}`);
      return kept.length === 0 ? "" : ` style="${kept.join(";")}"`;
    })
    .replace(
      / (d|transform|x|y|width|height)="([^"]*)"/g,
      (_, name: string, value: string) =>
        ` ${name}="${value.replace(/-?\d+\.\d{3,}/g, (number) => String(round(Number(number))))}"`,
    );
}

/** Two decimals are a hundredth of a pixel. */
const round = (value: number): number => Math.round(100 * value) / 100;

function declarations(style: string): string[] {
  return style.split(";").map((one) => one.trim().replace(/: /, ":").replace(/rgb\([\d, ]+\)/, hex))
    .filter((one) => one !== "" && !idle.has(one));
}

function hex(color: string): string {
  const channels = color.match(/\d+/g)!.map((part) => Number(part).toString(16).padStart(2, "0"));
  return `#${channels.join("")}`;
}

/** A heat map of ten panels defines 130 clips and uses ten. */
function withoutIdleClips(svg: string): string {
  return svg.replace(
    /<clipPath id="([^"]+)">.*?<\/clipPath>/gs,
    (clip, id) => svg.includes(`url(#${id})`) ? clip : "",
  );
}

const emptyParts = [
  /<path(?: style="[^"]*")?(?: d="")?\/>/g,
  /<g(?: (?!id)[^>]*)?\/>/g,
  /<g(?: (?!id)[^>]*)?><\/g>/g,
];

/** Repeats, as removing empty groups can leave the group around them empty. */
function withoutEmptyParts(svg: string): string {
  const less = emptyParts.reduce((left, part) => left.replace(part, ""), svg);
  return less === svg ? svg : withoutEmptyParts(less);
}
