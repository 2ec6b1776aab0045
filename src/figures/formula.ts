/** Formulas as pictures, drawn without a browser. @module */

import { type DrawFormula, escapeHtml } from "./html.ts";

/** MathJax, which draws a formula as SVG in the colour of the text around it. */
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
