/** The parts of the site, in their order, and the pages of each. @module */

import { filesUnder } from "../support/source_files.ts";

/** Pages that belong together, by their paths in the repository. */
export type Group = readonly [title: string, paths: readonly string[]];

/** A part of the site. */
export interface Part {
  readonly name: string;
  /** Its first page, as the site has it. */
  readonly home: string;
  /** Its pages; a part made elsewhere has none. */
  readonly groups: readonly Group[];
}

const notebooks = filesUnder("notebooks").filter((path) => path.endsWith(".ipynb")).toSorted();

const teaching: readonly Group[] = [
  ["Lessons", [
    "docs/teaching/instructor_notes.md",
    "docs/teaching/handout.md",
    "docs/teaching/quiz.md",
    "docs/teaching/exercises.md",
    "docs/teaching/forensic_appendix.md",
  ]],
  ["Answers", ["docs/teaching/quiz_answers.md", "docs/teaching/solutions.md"]],
];

const guides: readonly Group[] = [
  ["Start", ["docs/first_adapter.md", "docs/outside.md", "README.md"]],
  ["Guides", [
    "docs/your_own_data.md",
    "docs/many_adapters.md",
    "examples/README.md",
    "docs/text_metrics.md",
    "docs/command_line.md",
    "docs/from_peft.md",
    "docs/devices.md",
  ]],
  ["Reference", [
    "docs/notation.md",
    "docs/reliability.md",
    "docs/stability.md",
    "SECURITY.md",
    "CHANGELOG.md",
  ]],
  ["Changing it", [
    "CONTRIBUTING.md",
    "RELEASE.md",
    "docs/architecture.md",
    "docs/adding_a_kernel.md",
    "docs/adding_a_model.md",
    "docs/adding_a_method.md",
    "docs/adding_a_storage_form.md",
    "docs/adding_an_experiment.md",
    "docs/style.md",
    "docs/how_we_decide.md",
    "CODE_OF_CONDUCT.md",
    "docs/decisions/README.md",
  ]],
];

/** All parts. */
export const parts: readonly Part[] = [
  { name: "Home", home: "index.html", groups: [] },
  { name: "Playground", home: "playground/index.html", groups: [] },
  {
    name: "Notebooks",
    home: "docs/notebooks.html",
    groups: [["Notebooks", ["docs/notebooks.md", ...notebooks]]],
  },
  { name: "Slides", home: "slides/index.html", groups: [] },
  { name: "Teaching", home: "docs/teaching/instructor_notes.html", groups: teaching },
  { name: "Guides", home: "docs/first_adapter.html", groups: guides },
  {
    name: "Findings",
    home: "docs/findings.html",
    groups: [["Findings", ["docs/findings.md", "docs/note.md"]]],
  },
  { name: "API", home: "api/index.html", groups: [] },
];

/** Paths of all pages of a part, in their order. */
export const pathsOf = ({ groups }: Part): string[] => groups.flatMap(([, paths]) => paths);

/** The part that a page belongs to; one that is only linked to belongs to the guides. */
export function partOf(path: string): Part {
  const own = parts.find((part) => pathsOf(part).includes(path));
  return own ?? parts.find(({ name }) => name === "Guides")!;
}
