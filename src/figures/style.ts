/** The style of a report: color only for verdicts, light or dark as the reader's system. @module */

import { printStyle } from "./print_style.ts";

const colors = `
:root { color-scheme: light dark; --paper: #fff; --ink: #1f2430; --soft: #5b6270; --line: #e2e5ec; --rule: #9aa1b1; --shadow: #c9ced8;
  --shade: #f6f7f9; --link: #0b5ea8; --good: #d8f0e4; --good-ink: #0b5137; --near: #f6efb5; --near-ink: #55490a;
  --open: #fbe6cf; --open-ink: #70400a; --none: #eceef2; --none-ink: #4b5260; }
@media screen and (prefers-color-scheme: dark) {
  :root { --paper: #15181f; --ink: #e3e6ec; --soft: #a0a8b8; --line: #2f3541; --rule: #5d6575; --shadow: #454c5a;
    --shade: #1c2029; --link: #8cc2f5; --good: #123f2d; --good-ink: #a9e5c8; --near: #403809; --near-ink: #ecdf8f;
    --open: #4d2f0e; --open-ink: #f5cfa0; --none: #2b303b; --none-ink: #c0c6d2; }
}`;

const text = `
html { scroll-padding-top: .5rem; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 64rem; box-sizing: border-box; width: 100%; margin: 0 auto; padding: 1.5rem 1.25rem 5rem; overflow-wrap: break-word; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .6rem; }
h2 { font-size: 1.2rem; line-height: 1.3; margin: 0; }
h3 { font-size: 1rem; margin: 1.5rem 0 .25rem; }
a { color: var(--link); text-decoration-thickness: 1px; text-underline-offset: .15em; }
p { margin: .6rem 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .4rem 0; font-size: .92rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; min-width: 0; }
.lead { max-width: 56rem; }
.drawing { max-width: 100%; height: auto; }
.facts { display: flex; flex-wrap: wrap; gap: 0 1.25rem; font-size: .85rem; }
.facts dt, .facts dd { display: inline; } .facts dt::after { content: ": "; }
.source, .settings, .note, .rule, figcaption, .detail, .why { color: var(--soft); }
.settings, .note, .why { font-size: .92rem; } .rule, figcaption { font-size: .88rem; } .detail { font-size: .88em; margin: .1rem 0 0; }
.notice { padding: .5rem .75rem; border-radius: .4rem; background: var(--shade); border-left: 3px solid var(--link); }
.state { color: var(--soft); font-size: .85rem; white-space: nowrap; }
.verdict { display: inline-block; padding: 0 .5rem; border-radius: .8rem; font-size: .82rem; white-space: nowrap; }
.good { background: var(--good); color: var(--good-ink); } .near { background: var(--near); color: var(--near-ink); }
.open { background: var(--open); color: var(--open-ink); } .none { background: var(--none); color: var(--none-ink); }
.counts a:has(.verdict) { text-decoration: none; } .counts a:not(:has(.verdict)) { font-size: .85rem; margin-left: .4rem; }
pre { overflow-x: auto; padding: .75rem; background: var(--shade); border-radius: .4rem; font-size: .82rem; }
section { margin: 1.25rem 0; }`;

// On a narrow screen, shadows at the sides of a wide plot say that there is more. They are below the plot,
// whose paper is white: multiplied with it, they show through.
const folds = `
summary { cursor: pointer; }
.section { border-top: 1px solid var(--line); margin: 0; }
.section > summary { padding: .7rem 0; display: flex; flex-wrap: wrap; gap: .1rem .75rem; align-items: baseline; list-style: none; }
.section > summary::before { content: "▸"; color: var(--soft); width: .8rem; margin-right: -.35rem; }
.section[open] > summary::before { content: "▾"; }
.section[open] { padding-bottom: 2rem; } .section > summary::-webkit-details-marker { display: none; }
.pending { border-top: 1px solid var(--line); margin: 0; padding: .7rem 0 .7rem 1.2rem; color: var(--soft); }
.pending h2 { display: inline; margin-right: .75rem; } .pending p { margin: .2rem 0 0; font-size: .92rem; }
.fold { margin: .75rem 0; } .fold > summary { color: var(--link); }
.quoted { color: var(--soft); font-size: .92rem; } .quoted table { font-style: italic; font-size: .85rem; }
.finding { border-left: 3px solid var(--line); padding: .1rem 0 .1rem 1rem; margin: 1.25rem 0; }
.finding p { margin: .3rem 0; }
blockquote { margin: .4rem 0; padding-left: .75rem; border-left: 2px solid var(--rule); font-style: italic; color: var(--soft); }
figure { margin: 1.5rem 0; max-width: 56rem; } figcaption { margin-top: .4rem; }
.plot { width: 100%; background: #fff; border-radius: .4rem; overflow: hidden; } .plot img { height: var(--height); object-fit: contain; }
[data-hint] { display: none; }
.finding:target { border-left-color: var(--link); }
@media screen and (max-width: 36rem) {
  .wide > div { overflow-x: auto; isolation: isolate; color-scheme: light; color: #1f2430; border-radius: .4rem; background:
    linear-gradient(to right, #fff 40%, transparent) left / 2.5rem 100% local no-repeat,
    linear-gradient(to left, #fff 40%, transparent) right / 2.5rem 100% local no-repeat,
    linear-gradient(to right, #aab1bf, transparent) left / .8rem 100% no-repeat,
    linear-gradient(to left, #aab1bf, transparent) right / .8rem 100% no-repeat, #fff; }
  .wide .plot { width: 46rem; mix-blend-mode: multiply; }
  .wide [data-steps] { position: sticky; left: 16px; }
  .wide figcaption::before { content: "Scroll sideways for the rest. "; font-weight: 600; }
  [data-steps] label > * { min-width: 3rem !important; } }`;

const tables = `
table { border-collapse: collapse; font-size: .9rem; width: 100%; }
.data caption { display: none; }
th, td { text-align: left; padding: .25rem .5rem; border-bottom: 1px solid var(--line); vertical-align: top; }
th { border-bottom-color: var(--rule); font-weight: 600; vertical-align: bottom; }
.number { text-align: right; font-variant-numeric: tabular-nums; } td.number, td.short { white-space: nowrap; }
td:has(.detail):first-child { min-width: 13rem; }
.data { margin: .25rem 0 1.5rem; } .fold .data { margin: .5rem 0 1.25rem; }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: .4rem; padding: .5rem .25rem;
  background: linear-gradient(to right, var(--paper) 40%, transparent) left / 2.5rem 100% local no-repeat,
    linear-gradient(to left, var(--paper) 40%, transparent) right / 2.5rem 100% local no-repeat,
    linear-gradient(to right, var(--shadow), transparent) left / .6rem 100% no-repeat,
    linear-gradient(to left, var(--shadow), transparent) right / .6rem 100% no-repeat; }
.scroll tbody tr:last-child td { border-bottom: 0; }
.save { margin: .25rem 0 0; font-size: .85rem; text-align: right; }
.claims td { overflow-wrap: anywhere; } .claims td:first-child { width: 42%; } .claims td:last-child { width: 28%; }
.claims .group th { padding-top: .9rem; font-weight: normal; } .claims .detail { font-size: .85rem; }
.claims a { color: inherit; text-decoration-color: var(--line); }
.words { grid-template-columns: minmax(6rem, max-content) 1fr; gap: .4rem 1rem; }
@media (max-width: 36rem) {
  .claims thead { display: none; } .claims tr { display: block; padding: .5rem 0; border-bottom: 1px solid var(--line); }
  .claims td { display: block; border: 0; padding: .05rem 0; width: auto !important; }
  .claims tr:not(.group) a { font-weight: 600; } .claims .group th { display: block; border: 0; padding: .3rem 0; }
  .claims td[data-head=printed]::before, .claims td[data-head=ours]::before { content: attr(data-head) ": "; color: var(--soft); }
  .words { display: block; } .words dd { margin-bottom: .6rem; }
  td:has(.detail):first-child { min-width: 8rem; }
  .scroll table { font-size: .8rem; } .scroll th, .scroll td { padding: .2rem .35rem; }
}`;

const contents = `
.contents { padding: .75rem 1.25rem; font-size: .9rem; border-bottom: 1px solid var(--line); }
.contents ul { list-style: none; margin: .5rem 0; padding: 0; } .contents li { margin: .3rem 0; line-height: 1.3; }
.contents .state::before { content: "· "; } .contents [aria-current] { font-weight: 600; color: var(--ink); }
.marks { white-space: nowrap; font-size: .72rem; } .mark { padding: 0 .3rem; border-radius: .5rem; margin-right: .2rem; } .contents a { color: inherit; text-decoration: none; } .contents a:hover { text-decoration: underline; }
@media screen and (min-width: 1100px) {
  body:has(.contents) { display: grid; grid-template-columns: 16rem minmax(0, 1fr); }
  .contents { position: sticky; top: 0; align-self: start; max-height: 100vh; overflow-y: auto; scrollbar-width: thin; mask-image: linear-gradient(#000 calc(100% - 2.5rem), transparent); box-sizing: border-box;
    border: 0; padding: 1.5rem .5rem 2.5rem 1.25rem; color: var(--soft); }
  .contents summary { list-style: none; pointer-events: none; font-weight: 600; }
}`;

/** CSS of a page. */
export const style: string = [colors, text, folds, tables, contents, printStyle].join("");
