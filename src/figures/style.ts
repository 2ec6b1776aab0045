/** The look of a report: paper, one column, colour only for verdicts. @module */

/** CSS of a page. */
export const style: string = `
body { margin: 0; background: #fff; color: #1f2430; font: 16px/1.55 system-ui, sans-serif; }
main { max-width: 56rem; margin: 0 auto; padding: 2rem 1.25rem 5rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 1rem; }
h2 { font-size: 1.4rem; margin: 3.5rem 0 .5rem; padding-top: 1rem; border-top: 1px solid #d9dce3; }
h3 { font-size: 1rem; margin: 0 0 .25rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; font-size: .9rem; }
dt { color: #5b6270; } dd { margin: 0; overflow-wrap: anywhere; }
.source { color: #5b6270; }
.settings { color: #5b6270; font-size: .92rem; }
.summary { list-style: none; padding: 0; } .summary li { margin: .4rem 0; }
.summary a { color: inherit; }
.finding { border-left: 3px solid #d9dce3; padding: .1rem 0 .1rem 1rem; margin: 1rem 0; }
.finding p { margin: .3rem 0; }
.rule { color: #5b6270; font-size: .88rem; }
.verdict { display: inline-block; padding: 0 .5rem; border-radius: 1rem; font-size: .82rem; white-space: nowrap; }
.held { background: #d8f0e4; color: #0b5137; } .open { background: #fbe6cf; color: #70400a; }
.none { background: #eceef2; color: #4b5260; }
figure { margin: 2rem 0; } figcaption { color: #5b6270; font-size: .88rem; }
.plot { width: 100%; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .92rem; margin: 1.5rem 0; width: 100%; }
caption { text-align: left; font-weight: 600; padding-bottom: .4rem; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #e6e8ee; vertical-align: top; }
th { border-bottom-color: #9aa1b1; font-weight: 600; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
td:first-child, td.number { white-space: nowrap; }
th { vertical-align: bottom; }
`;
