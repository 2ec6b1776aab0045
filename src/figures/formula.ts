/** Formulas as pictures, drawn without a browser, and small matrices in TeX. @module */

import type { HostTensor } from "../core/tensor.ts";
import { type DrawFormula, escapeHtml, pictureSource } from "./html.ts";
import type { MimeBundle } from "./show.ts";

/** Draws a formula with MathJax, as SVG in the color of the text around it. */
export async function loadMathJax(): Promise<DrawFormula> {
  const { mathjax, TeX, SVG, liteAdaptor, RegisterHTMLHandler } = await import("./mathjax.ts");
  const adaptor = liteAdaptor();
  RegisterHTMLHandler(adaptor);
  const document = mathjax.document("", {
    InputJax: new TeX({ packages: ["base", "ams"] }),
    OutputJax: new SVG({ fontCache: "none" }),
  });
  return (tex) => {
    const svg = adaptor.innerHTML(document.convert(tex, { display: true }));
    return svg.replace("<svg ", `<svg aria-label="${escapeHtml(tex)}" `);
  };
}

let drawing: Promise<DrawFormula> | undefined;

/**
 * A formula as `text/latex`, `image/svg+xml` and `text/plain`. JupyterLab has its own MathJax and shows the
 * first; a page by nbconvert, which would need a network for that, shows the second. There is no
 * `text/html`, because both would prefer it.
 */
export async function formulaBundle(tex: string): Promise<MimeBundle> {
  const draw = await (drawing ??= loadMathJax());
  return {
    "text/latex": `$$${tex}$$`,
    "image/svg+xml": standalone(draw(tex)),
    "text/plain": tex,
  };
}

/** Draws a formula as an image element, as a front end may strip inline SVG from HTML. */
export async function formulaPictures(): Promise<DrawFormula> {
  const draw = await (drawing ??= loadMathJax());
  return (tex) => {
    const svg = draw(tex), align = /vertical-align: [^;"]+/.exec(svg)?.[0] ?? "";
    return `<img alt="${escapeHtml(tex)}" style="${align}" src="${
      pictureSource(standalone(svg))
    }">`;
  };
}

/** An image does not inherit the text color, so it brings ink for light and for dark pages. */
function standalone(svg: string): string {
  const ink =
    "<style>svg{color:#1f2430}@media(prefers-color-scheme:dark){svg{color:#e3e6ec}}</style>";
  return svg.replace(/>/, `>${ink}`);
}

/** Most rows or columns that are readable. */
const most = 16;

/**
 * A matrix of at most 16 x 16 in TeX; whole numbers are exact, others have three digits.
 *
 * @throws {RangeError} when the tensor is not a matrix, or is larger.
 *
 * @example
 * ```ts
 * import { matrixTex } from "@lowrank/core/figures";
 *
 * console.log(matrixTex({ shape: [1, 2], data: Float32Array.of(1, -0.5) }));
 * // \begin{pmatrix}1 & -0.5\end{pmatrix}
 * ```
 */
export function matrixTex({ shape, data }: HostTensor): string {
  const [rows, columns] = shape;
  if (shape.length !== 2 || Math.max(rows, columns) > most) {
    throw new RangeError(`a matrix in TeX has at most ${most} rows and columns, found ${shape}`);
  }
  const cells = Array.from(data, (value) => String(Number(value.toPrecision(3))));
  const lines = Array.from(
    { length: rows },
    (_, i) => cells.slice(i * columns, (i + 1) * columns).join(" & "),
  );
  return `\\begin{pmatrix}${lines.join(" \\\\ ")}\\end{pmatrix}`;
}
