/** The first page: what LoRA is, in motion; three doors; and what was found. @module */

import { sourceText } from "../support/source_files.ts";
import { escapeHtml } from "../../src/figures/html.ts";
import { documentHtml } from "./frame.ts";
import { renderGuide } from "./markdown.ts";
import { firstRun, type Layout, motionPicture } from "./motion.ts";
import type { Target } from "./repository.ts";

/** The first page, its pictures by their places, and the targets of its links. */
export interface Home {
  readonly html: string;
  readonly pictures: ReadonlyMap<string, string>;
  readonly targets: readonly Target[];
}

const place = "index.html";

const pictureOf = (layout: Layout): string => `images/playground_${layout}.svg`;

/** Trains what the picture shows, and makes the page. */
export async function makeHome(): Promise<Home> {
  const run = await firstRun();
  const [wide, narrow] = (["wide", "narrow"] as const).map((layout) => motionPicture(run, layout));
  const { html, targets } = renderGuide("README.md", headlines());
  const body = `<main class="home">
<h1>See what LoRA does</h1>
<p class="lead">${lead}</p>
${figureHtml(wide.alt)}
${doors}
<h2 id="found">What holds of the paper</h2>
<p class="message">${escapeHtml(message())} <a href="docs/findings.html">All findings</a></p>
${html}
</main>`;
  return {
    html: documentHtml({ place, title: "Lowrank", part: "Home", body }),
    pictures: new Map([[pictureOf("wide"), wide.svg], [pictureOf("narrow"), narrow.svg]]),
    targets,
  };
}

const lead =
  `Low-rank adaptation (LoRA) teaches a language model something new by training two thin matrices, \
B and A, beside each frozen one. Lowrank is a toolkit that does it, in a browser too, and shows what was learned.`;

const figureHtml = (alt: string): string =>
  `<figure><picture><source media="(max-width: 700px)" srcset="${pictureOf("narrow")}">
<img src="${pictureOf("wide")}" alt="${escapeHtml(alt)}"></picture>
<figcaption><button type="button" data-stop>Stop</button>A run of the playground, computed when this site was \
made: s·B·A (blue) learns the change D, its largest direction first; orange is full fine-tuning. B has r = 4 columns \
and A 4 rows. <a href="playground/index.html#stop=4">What does the rank r do?</a></figcaption></figure>`;

const doors = `<div class="doors">
<a href="playground/index.html"><b>Play</b> Move the rank and watch it learn; teach a small GPT-2 lines of your \
own. Nothing to install.</a>
<a href="docs/notebooks.html"><b>Learn</b> Notebooks that ask before they tell, some of which run in their pages; \
slides, and exercises that are graded.</a>
<a href="docs/first_adapter.html"><b>Use</b> Train, merge, inspect and serve adapters in PEFT's format, from a \
program or the command line.</a>
</div>`;

/** The message of all verdicts: the first paragraph of the findings, which the main job writes. */
const message = (): string => sourceText("docs/findings.md").split("\n\n")[1].replaceAll("\n", " ");

/** The README's table of what matters most, with the targets of its links. */
function headlines(): string {
  const readme = sourceText("README.md");
  const [table] = /^\| claim of the paper[^]*?(?=\n\n)/m.exec(readme) ?? [];
  if (table === undefined) throw new Error("the README needs a table of claims of the paper");
  return `${table}\n\n${readme.match(/^\[[^\]]+\]: .*$/gm)?.join("\n")}\n`;
}
