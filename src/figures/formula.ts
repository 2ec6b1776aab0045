/** Formulas as pictures, drawn without a browser. @module */

import type { MimeBundle } from "./bundle.ts";
import { type DrawFormula, escapeHtml } from "./html.ts";
import { pictureSource } from "./picture.ts";

/** Draws a formula with MathJax, as SVG in the color of the text around it. */
export async function loadMathJax(): Promise<DrawFormula> {
  const [{ mathjax }, { TeX }, { SVG }, { liteAdaptor }, { RegisterHTMLHandler }] = await Promise
    .all([
      import("npm:mathjax-full@3.2.2/js/mathjax.js"),
      import("npm:mathjax-full@3.2.2/js/input/tex.js"),
      import("npm:mathjax-full@3.2.2/js/output/svg.js"),
      import("npm:mathjax-full@3.2.2/js/adaptors/liteAdaptor.js"),
      import("npm:mathjax-full@3.2.2/js/handlers/html.js"),
      import("npm:mathjax-full@3.2.2/js/input/tex/ams/AmsConfiguration.js"),
    ]);
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
