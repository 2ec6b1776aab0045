/** A report on paper: everything is unfolded, nothing scrolls, and a row or figure stays on one page. @module */

/** CSS for printing. */
export const printStyle = `
@page { margin: 15mm 12mm; }
@media print {
  html { font-size: 9.5pt; } body { font-size: 1rem; } main { max-width: none; padding: 0; }
  .contents, .save, .notice, .section > summary::before { display: none; }
  details::details-content { content-visibility: visible; display: block; }
  .section { break-before: auto; } summary, h2, h3, caption, summary + p, .settings { break-after: avoid; }
  pre { white-space: pre-wrap; } .finding, figure, tr, pre, .pending, .data:not(:has(tbody tr:nth-child(16))) { break-inside: avoid; }
  [data-steps] input { display: none; } [data-steps] select { appearance: none; border: 0; }
  [data-steps] label > * { min-width: 0 !important; } [data-steps] label > :first-child::after { content: ":"; }
  .plot img { height: auto; } .js-plotly-plot { zoom: .76; } .scroll { overflow: visible; border: 0; padding: 0; background: none; } table { font-size: 8pt; }
  th, td { padding: .1rem .3rem; } td:first-child:not(.short) { overflow-wrap: anywhere; }
  td:has(.detail):first-child { min-width: 0; } .claims td:last-child { width: auto; }
  .quoted table { font-size: 6.5pt; } a { color: inherit; text-decoration: none; }
  .verdict { border: 1px solid currentColor; font-size: .95em; }
}`;
