/** Faults of what people use: the command line, the server, notebooks, figures. @module */

import { type Fault, fault } from "../fault.ts";

/** Faults of cli, serve, notebook, figures and inspect. */
export const programFaults: readonly Fault[] = [
  fault(
    "weights are saved after a failure although some are not finite",
    "src/cli/commands/train/folder.ts",
    "if (values.every(({ data }) => nonFiniteAt(data) < 0)) {",
    "if (values.some(({ data }) => nonFiniteAt(data) < 0)) {",
  ),
  fault(
    "a method of a sweep cannot have its own learning rate",
    "src/cli/commands/sweep/grid.ts",
    "{ ...own, ...shared, ...own }",
    "{ ...own, ...shared }",
  ),
  fault(
    "merging keeps the permission for the network",
    "src/cli/commands/merge.ts",
    'permissions: ["read", "write"],',
    'permissions: ["read", "write", "net"],',
  ),
  fault(
    "a host whose name begins with localhost is this machine",
    "src/core/checks.ts",
    "/^(127\\.0\\.0\\.1|localhost)(:\\d+)?$/i",
    "/^(127\\.0\\.0\\.1|localhost)(:\\d+)?/i",
  ),
  fault(
    "the first character of a text that ends an answer is sent",
    "src/serve/completions.ts",
    "whole.length - longest + 1",
    "whole.length - longest + 2",
  ),
  fault(
    "the slider of a cell that was run again is still served",
    "src/notebook/slider.ts",
    '  answers.delete(tokens.get(key) ?? "");\n',
    "",
  ),
  fault(
    "an answer to choose from is markup",
    "src/notebook/predict.ts",
    "const words = escapeHtml(text);",
    "const words = text;",
  ),
  fault(
    "an apostrophe is not escaped",
    "src/figures/html.ts",
    "/[&<>\"']/g",
    '/[&<>"]/g',
  ),
  fault(
    "the last token of a text is no input",
    "src/inspect/second_moments.ts",
    "at <= end",
    "at < end",
  ),
  fault(
    "every module has the name of a target",
    "src/patterns/names.ts",
    "names.find(name).length > 0",
    "names.find(name).length >= 0",
  ),
  fault(
    "a part of a job that has ended counts for nothing",
    "src/terminal/progress.ts",
    "    this.#done += this.#part;\n",
    "",
  ),
  fault(
    "a claim's words are markup in a report",
    "src/report/page.ts",
    "<p><strong>${escapeHtml(claim)}</strong> ${",
    "<p><strong>${claim}</strong> ${",
  ),
];
