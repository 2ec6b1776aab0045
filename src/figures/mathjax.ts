/** The parts of MathJax that draw a formula; loaded when the first one is drawn. @module */

export { mathjax } from "npm:mathjax-full@3.2.2/js/mathjax.js";
export { TeX } from "npm:mathjax-full@3.2.2/js/input/tex.js";
export { SVG } from "npm:mathjax-full@3.2.2/js/output/svg.js";
export { liteAdaptor } from "npm:mathjax-full@3.2.2/js/adaptors/liteAdaptor.js";
export { RegisterHTMLHandler } from "npm:mathjax-full@3.2.2/js/handlers/html.js";
import "npm:mathjax-full@3.2.2/js/input/tex/ams/AmsConfiguration.js";
