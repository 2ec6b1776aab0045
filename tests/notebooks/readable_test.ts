/** Cells that a student can read aloud: what their code must not be. */

import { assertEquals } from "@std/assert";
import { codeCells, notebookNames, notebooksPath, readNotebook } from "../support/notebook_file.ts";

/** Lines of imports in a cell. */
const mostImportLines = 3;

type Visitors = Deno.lint.LintVisitor;

/** A rule that names what it finds. */
const rule = (visitors: (report: (node: Deno.lint.Node, message: string) => void) => Visitors) => ({
  create: (context: Deno.lint.RuleContext) =>
    visitors((node, message) => context.report({ node, message })),
});

const isList = (node: Deno.lint.Node | null): boolean =>
  node?.type === "ArrayExpression" ||
  node?.type === "CallExpression" && node.callee.type === "MemberExpression" &&
    node.callee.object.type === "ArrayExpression";

const readable: Deno.lint.Plugin = {
  name: "readable",
  rules: {
    declarations: rule((report) => ({
      VariableDeclaration(node) {
        if (node.declarations.length > 1 && node.parent.type !== "ForStatement") {
          report(node, "declares several names at once");
        }
        for (const { id, init } of node.declarations) {
          if (id.type === "ArrayPattern" && isList(init)) {
            report(node, "takes a list apart at once");
          }
        }
      },
    })),
    expressions: rule((report) => ({
      SequenceExpression: (node) => report(node, "has a comma operator"),
      TSNonNullExpression(node) {
        if (node.expression.type === "AwaitExpression") report(node, "has (await …)!");
      },
    })),
  },
};

function faultsOf(source: string): string[] {
  const imports = source.match(/^import[\s\S]*?;$/gm)?.join("\n").split("\n").length ?? 0;
  const found = Deno.lint.runPlugin(readable, "cell.ts", source).map(({ message }) => message);
  return imports > mostImportLines ? [...found, `imports in ${imports} lines`] : found;
}

Deno.test("a cell imports in at most three lines, declares one name at a time, and plays no golf", async () => {
  const broken: string[] = [];
  for (const name of notebookNames()) {
    for (const { id, source } of codeCells(await readNotebook(`${notebooksPath}/${name}.ipynb`))) {
      broken.push(...faultsOf(source).map((fault) => `${name}, ${id}: ${fault}`));
    }
  }
  assertEquals(broken, []);
});

Deno.test("the checker finds each of these, and leaves plain code alone", () => {
  const faults: [source: string, faults: string[]][] = [
    ["const a = 1, b = 2;", ["declares several names at once"]],
    ["const [a, b] = [1, 2].map((x) => 2 * x);", ["takes a list apart at once"]],
    ["let a = 0;\nfor (let i = 0, n = 3; i < n; i++) a = (i++, i);", ["has a comma operator"]],
    ["const a = (await find())!;", ["has (await …)!"]],
    ['import {\n  a,\n  b,\n} from "c";\nimport { d } from "e";', ["imports in 5 lines"]],
    ['import { a } from "b";\nconst [c, d] = a;\nconst { e } = c[0]!;', []],
  ];
  assertEquals(faults.map(([source]) => faultsOf(source)), faults.map(([, found]) => found));
});
