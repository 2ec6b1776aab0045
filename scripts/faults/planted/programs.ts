/** Faults of what people use: the command line, the server, notebooks, figures. @module */

import { type Fault, fault } from "../fault.ts";

/** From cli, serve, notebook, figures and inspect. */
export const programFaults: readonly Fault[] = [
  fault(
    "weights are saved after a failure although some are not finite",
    "src/cli/rescue.ts",
    "if (values.every(({ data }) => nonFiniteAt(data) < 0)) {",
    "if (values.some(({ data }) => nonFiniteAt(data) < 0)) {",
  ),
  fault(
    "a method of a sweep cannot have its own learning rate",
    "src/cli/sweep_grid.ts",
    "{ ...own, ...shared, ...own }",
    "{ ...own, ...shared }",
  ),
  fault(
    "merging keeps the permission for the network",
    "src/cli/permissions.ts",
    'merge: () => ["read", "write"],',
    'merge: () => ["read", "write", "net"],',
  ),
  fault(
    "a host whose name begins with localhost is this machine",
    "src/serve/http_request.ts",
    "/^(127\\.0\\.0\\.1|localhost)(:\\d+)?$/i",
    "/^(127\\.0\\.0\\.1|localhost)(:\\d+)?/i",
  ),
  fault(
    "the first character of a text that ends an answer is sent",
    "src/serve/answer_text.ts",
    "whole.length - longest + 1",
    "whole.length - longest + 2",
  ),
  fault(
    "the slider of a cell that was run again is still served",
    "src/notebook/slider/server.ts",
    '  answers.delete(tokens.get(key) ?? "");\n',
    "",
  ),
  fault(
    "an answer to choose from is markup",
    "src/notebook/predict/page.ts",
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
];
