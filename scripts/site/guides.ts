/** The guides of the site, and what they link to. @module */

import { filesUnder, rootPath, sourceText } from "../../tests/support/source_files.ts";
import { type DrawFormula, escapeHtml } from "../../src/figures/html.ts";
import { framed } from "./frame.ts";
import { type Guide, renderGuide } from "./markdown.ts";
import { renderNotebook } from "./notebook.ts";
import { placeOf, type Target } from "./repository.ts";

/** Entries of the navigation: titles of groups, and paths of guides in the repository. */
export const navigation: readonly (readonly [group: string, paths: readonly string[]])[] = [
  ["Start", ["README.md", "docs/findings.md"]],
  ["Guides", [
    "docs/first_adapter.md",
    "docs/your_own_data.md",
    "docs/many_adapters.md",
    "examples/README.md",
    "docs/text_metrics.md",
    "docs/command_line.md",
    "docs/notebooks.md",
    "docs/from_peft.md",
    "docs/devices.md",
  ]],
  ["Notebooks", filesUnder("notebooks").filter((path) => path.endsWith(".ipynb")).toSorted()],
  ["Teaching", [
    "docs/teaching/instructor_notes.md",
    "docs/teaching/handout.md",
    "docs/teaching/quiz.md",
    "docs/teaching/quiz_answers.md",
    "docs/teaching/exercises.md",
    "docs/teaching/solutions.md",
    "docs/teaching/forensic_appendix.md",
  ]],
  ["Reference", ["docs/notation.md", "docs/reliability.md", "SECURITY.md", "CHANGELOG.md"]],
  ["Changing it", [
    "CONTRIBUTING.md",
    "docs/architecture.md",
    "docs/adding_a_kernel.md",
    "docs/adding_a_model.md",
    "docs/adding_a_method.md",
    "docs/adding_a_storage_form.md",
    "docs/adding_an_experiment.md",
    "docs/style.md",
    "docs/decisions/README.md",
  ]],
];

/** All pages by their place in the site, those of the sources too, and the pictures that they show. */
export function guidePages(
  sources: ReadonlySet<string>,
  draw: DrawFormula,
): { pages: Map<string, string>; assets: ReadonlySet<string> } {
  const guides = new Map<string, Guide>(), code = new Set(sources), assets = new Set<string>();
  const visit = (path: string): void => {
    if (guides.has(path)) return;
    const text = sourceText(path), isNotebook = path.endsWith(".ipynb");
    const guide = isNotebook ? renderNotebook(path, text, draw) : renderGuide(path, text);
    guides.set(path, guide);
    for (const target of guide.targets) follow(target);
  };
  const follow = (target: Target): void => {
    if (target.kind === "page") visit(target.path);
    if (target.kind === "code") code.add(target.path);
    if (target.kind === "asset") assets.add(target.path);
  };
  for (const path of navigation.flatMap(([, paths]) => paths)) visit(path);
  return { pages: new Map([...framedGuides(guides), ...codePages(code, guides)]), assets };
}

type Guides = ReadonlyMap<string, Guide>;

function* framedGuides(guides: Guides): Generator<[string, string]> {
  const titles = titlesOf(guides);
  for (const [path, { title, html }] of guides) {
    const place = placeOf({ kind: "page", path, anchor: "" });
    yield [place, framed({ place, title, html, navigation, titles })];
  }
}

/** A file of source text that a guide links to. */
function* codePages(paths: ReadonlySet<string>, guides: Guides): Generator<[string, string]> {
  const titles = titlesOf(guides);
  for (const path of paths) {
    const place = placeOf({ kind: "code", path, anchor: "" });
    const html = `<h1><code>${path}</code></h1>\n<pre><code>${
      escapeHtml(sourceText(path))
    }</code></pre>`;
    yield [place, framed({ place, title: path, html, navigation, titles })];
  }
}

const titlesOf = (guides: Guides): ReadonlyMap<string, string> =>
  new Map(Array.from(guides, ([path, { title }]) => [path, title]));

/** Copies pictures to where the pages expect them. */
export async function copyAssets(paths: ReadonlySet<string>, site: string): Promise<void> {
  for (const path of paths) {
    await Deno.mkdir(`${site}/${path}`.replace(/[^/]*$/, ""), { recursive: true });
    await Deno.copyFile(rootPath + path, `${site}/${path}`);
  }
}
