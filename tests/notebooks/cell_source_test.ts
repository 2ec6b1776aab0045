/** Rules for the code of cells: a student can read it aloud, and each name is of one thing. */

import { assertEquals } from "@std/assert";
import { makeNotebook } from "../support/make_notebook.ts";
import {
  codeCells,
  type Notebook,
  notebookNames,
  notebooksPath,
  readNotebook,
} from "../../scripts/support/notebook_file.ts";

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

/** The names that a pattern declares: one, or those in `{ a, b: [c, d = 1], ...e }`. */
function namesIn(pattern: Deno.lint.Node | null): string[] {
  switch (pattern?.type) {
    case "Identifier":
      return [pattern.name];
    case "ObjectPattern":
      return pattern.properties.flatMap(namesIn);
    case "ArrayPattern":
      return pattern.elements.flatMap(namesIn);
    case "Property":
      return namesIn(pattern.value);
    case "AssignmentPattern":
      return namesIn(pattern.left);
    case "RestElement":
      return namesIn(pattern.argument);
  }
  return [];
}

/** The names that a statement of a cell declares or imports, and what each stands for there. */
function namedBy(statement: Deno.lint.Node, cell: string): [name: string, thing: string][] {
  switch (statement.type) {
    case "ImportDeclaration":
      return statement.specifiers.map(({ local }) => [local.name, statement.source.value]);
    case "VariableDeclaration":
      return statement.declarations.flatMap(({ id }) => namesIn(id)).map((name) => [name, cell]);
    case "FunctionDeclaration":
    case "ClassDeclaration":
    case "TSTypeAliasDeclaration":
    case "TSInterfaceDeclaration":
      return namesIn(statement.id).map((name) => [name, cell]);
  }
  return [];
}

/** The statements of a cell, from the parser of `deno lint`. */
function statementsOf(source: string): Deno.lint.Node[] {
  const found: Deno.lint.Node[] = [];
  const create = () => ({ Program: ({ body }: Deno.lint.Program) => void found.push(...body) });
  Deno.lint.runPlugin({ name: "statements", rules: { all: { create } } }, "cell.ts", source);
  return found;
}

/** Names that stand for more than one thing, with the cells and modules that they are from. */
function sharedNames(notebook: Notebook): string[] {
  const things = new Map<string, Set<string>>();
  for (const { id, source } of codeCells(notebook)) {
    const named = statementsOf(source).flatMap((statement) => namedBy(statement, `cell ${id}`));
    for (const [name, thing] of named) things.set(name, (things.get(name) ?? new Set()).add(thing));
  }
  return [...things].filter(([, from]) => from.size > 1)
    .map(([name, from]) => `${name}: ${[...from].join(", ")}`);
}

Deno.test("no name of a notebook is declared in two cells", async () => {
  const shared: string[] = [];
  for (const name of notebookNames()) {
    const found = sharedNames(await readNotebook(`${notebooksPath}/${name}.ipynb`));
    shared.push(...found.map((what) => `${name}, ${what}`));
  }
  assertEquals(shared, []);
});

Deno.test("a name of two cells is found in every way to declare it; the same import is one thing", () => {
  const notebook = makeNotebook(
    'import { a, b } from "x";\nconst { c, d: [e, ...f] } = a;',
    'import { a, type c } from "x";\nlet e = 1;\nfunction f() {\n  const d = 1;\n}',
    'import { a as g } from "x";\nusing b = a;\ntype h = 1;\nfor (const i of []) i;',
    'import * as g from "y";\nclass h {}\nconst { x: { i = 1 } } = a;',
  );
  assertEquals(sharedNames(notebook), [
    ...["b: x, cell c2", "c: cell c0, x", "e: cell c0, cell c1", "f: cell c0, cell c1"],
    ...["g: x, y", "h: cell c2, cell c3"],
  ]);
});
