/**
 * Draws the README's picture of the method, h = W x + s·B·A x as boxes: `deno task docs:picture`.
 *
 * @module
 */

import { grouped } from "../../src/core/numbers.ts";

const width = 860, height = 330;

/** The example under the boxes: one matrix of GPT-3 175B, at the rank of the paper's abstract. */
const d = 12_288, r = 4;

/** Where an image stands on a dark page, the reader's own setting chooses its colors. */
const style = `
  .card { fill: #ffffff; stroke: #d0d7de }
  text { font: 15px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328; text-anchor: middle }
  .name { font-size: 30px; font-style: italic; font-family: Georgia, "Times New Roman", serif }
  .sign { font-size: 30px; font-family: Georgia, "Times New Roman", serif }
  .note { fill: #57606a; font-size: 14px }
  .strong { font-weight: 600 }
  .frozen { fill: #dfe3e8; stroke: #8c959f }
  .trained { fill: #9ecbf0; stroke: #0969da }
  @media (prefers-color-scheme: dark) {
    .card { fill: #161b22; stroke: #30363d }
    text { fill: #e6edf3 }
    .note { fill: #9ea7b3 }
    .frozen { fill: #343b44; stroke: #7d8590 }
    .trained { fill: #1f4e80; stroke: #58a6ff }
  }`;

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly kind: "frozen" | "trained";
}

const rect = ({ x, y, width, height, kind }: Box): string =>
  `<rect class="${kind}" x="${x}" y="${y}" width="${width}" height="${height}" rx="3"/>`;

const text = (kind: string, x: number, y: number, words: string): string =>
  `<text class="${kind}" x="${x}" y="${y}">${words}</text>`;

/** W is a square, B tall and thin, A low and wide: their shapes are what the method is. */
export function methodPicture(): string {
  const middle = 130, side = 150, thin = 26;
  const W: Box = { x: 245, y: middle - side / 2, width: side, height: side, kind: "frozen" };
  const B: Box = { x: 530, y: middle - side / 2, width: thin, height: side, kind: "trained" };
  const A: Box = { x: 610, y: middle - thin / 2, width: side, height: thin, kind: "trained" };
  const below = middle + side / 2 + 26;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" \
height="${height}" role="img" aria-label="The adapted weight is W, which stays frozen, plus s times B \
times A, which are trained: B is tall and thin, A is low and wide.">
<style>${style}
</style>
<rect class="card" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8"/>
${text("name", 105, middle + 8, "W′")}
${text("note", 105, below, "the adapted weight")}
${text("sign", 195, middle + 10, "=")}
${rect(W)}
${text("name", W.x + side / 2, middle + 10, "W")}
${text("strong", W.x + side / 2, below, "frozen")}
${text("note", W.x + side / 2, below + 22, "as it was pretrained, d × d")}
${text("sign", 450, middle + 10, "+")}
${text("name", 492, middle + 10, "s ·")}
${rect(B)}
${text("name", B.x + thin / 2, middle - side / 2 - 12, "B")}
${text("sign", 583, middle + 10, "·")}
${rect(A)}
${text("name", A.x + side / 2, A.y - 14, "A")}
${text("strong", 645, below, "trained")}
${text("note", 645, below + 22, "B (d × r) begins at zero, A (r × d) is random; s = α / r")}
${
    text(
      "note",
      width / 2,
      height - 22,
      `GPT-3 175B, one matrix, r = ${r}: ${grouped(d * d)} values stay frozen, ` +
        `${grouped(2 * r * d)} are trained (${grouped(d * d / (2 * r * d))} times fewer)`,
    )
  }
</svg>
`;
}

if (import.meta.main) {
  await Deno.writeTextFile(
    new URL("../../docs/images/method.svg", import.meta.url),
    methodPicture(),
  );
}
