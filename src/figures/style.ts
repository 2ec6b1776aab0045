/** The style of a report: one column, color only for verdicts, light or dark as the reader's system. @module */

/** CSS of a page. */
export const style: string = `
:root { color-scheme: light dark; --paper: #fff; --ink: #1f2430; --soft: #5b6270; --line: #e6e8ee; --rule: #9aa1b1;
  --held: #d8f0e4; --held-ink: #0b5137; --near: #f6efb5; --near-ink: #55490a;
  --open: #fbe6cf; --open-ink: #70400a; --none: #eceef2; --none-ink: #4b5260; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #15181f; --ink: #e3e6ec; --soft: #a0a8b8; --line: #2b303b; --rule: #5d6575;
    --held: #123f2d; --held-ink: #a9e5c8; --near: #403809; --near-ink: #ecdf8f;
    --open: #4d2f0e; --open-ink: #f5cfa0; --none: #2b303b; --none-ink: #c0c6d2; }
}
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
main { max-width: 56rem; margin: 0 auto; padding: 2rem 1.25rem 5rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 1rem; }
h2 { font-size: 1.4rem; margin: 3.5rem 0 .5rem; padding-top: 1rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 0 0 .25rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; font-size: .9rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.source { color: var(--soft); }
.settings { color: var(--soft); font-size: .92rem; }
.summary { margin: 2rem 0; } .summary a { color: inherit; font-weight: 600; }
.summary ul { list-style: none; margin: .3rem 0 1.1rem; padding: 0; }
.summary li { display: grid; grid-template-columns: 11rem 1fr; gap: .1rem .75rem; align-items: baseline; margin: .25rem 0; }
.summary .verdict { justify-self: start; }
@media (max-width: 36rem) { .summary li { grid-template-columns: 1fr; } }
.finding { border-left: 3px solid var(--line); padding: .1rem 0 .1rem 1rem; margin: 1rem 0; }
.finding p { margin: .3rem 0; }
.rule { color: var(--soft); font-size: .88rem; }
.verdict { display: inline-block; padding: 0 .5rem; border-radius: 1rem; font-size: .82rem; white-space: nowrap; }
.held { background: var(--held); color: var(--held-ink); } .near { background: var(--near); color: var(--near-ink); }
.open { background: var(--open); color: var(--open-ink); } .none { background: var(--none); color: var(--none-ink); }
figure { margin: 2rem 0; } figcaption { margin-top: .4rem; color: var(--soft); font-size: .88rem; }
.plot { width: 100%; background: #fff; border-radius: .4rem; overflow: hidden; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .92rem; margin: 1.5rem 0; width: 100%; }
caption { text-align: left; font-weight: 600; padding-bottom: .4rem; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
th { border-bottom-color: var(--rule); font-weight: 600; vertical-align: bottom; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
td:first-child:not(:has(.detail)), td.number { white-space: nowrap; }
td:has(.detail):first-child { min-width: 13rem; }
.detail { margin: .1rem 0 0; color: var(--soft); font-size: .88em; }
.quoted { margin: -.5rem 0 2rem; color: var(--soft); font-size: .92rem; } .quoted summary { cursor: pointer; }
.quoted table { margin: .75rem 0; font-style: italic; font-size: .85rem; white-space: nowrap; }
.quoted th, .quoted td { padding: .2rem .4rem; }
`;
