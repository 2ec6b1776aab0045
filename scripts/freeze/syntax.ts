/**
 * Facts from TypeScript's parser: the sentences that tests quote, and the lines of functions. Run
 * as a program with `--no-lock --no-config`, as TypeScript is no dependency of the repository;
 * prints JSON.
 *
 * @module
 */

import { deno, gitFiles, root } from "./places.ts";

/** A function or method. */
export interface FunctionLength {
  readonly path: string;
  readonly name: string;
  readonly line: number;
  readonly lines: number;
}

/** Sentences, functions and declarations that are read. */
export interface Syntax {
  readonly sentences: string[];
  readonly functions: FunctionLength[];
  /** Files in src that declare a function of this name, exported. */
  readonly declared: Record<string, string>;
}

/** Reads it in a process of its own. */
export async function readSyntax(): Promise<Syntax> {
  const program = new URL("syntax.ts", import.meta.url).pathname;
  return JSON.parse(await deno(["run", "-A", "--no-lock", "--no-config", program]));
}

/** Calls whose arguments quote a message, whatever they look like. */
const quoting = /^(assert(Throws|Rejects|Fails?|Failed|Refuse[sd]|Refusal\w*)|refuse[sd]|fails)$/;

/** Words of our errors. */
const wording =
  /\b(must|cannot|can not|needs?|found|unknown|missing|expected|wants|takes no|has no|have no|is not|are not|is no|may have|did you mean|does not|do not|no such|only one|too (large|long|many|few|small)|already|instead of|refused?|left out)\b/;

// deno-lint-ignore no-explicit-any -- TypeScript's nodes, of a package that is loaded when this runs
type Any = any;

async function main(): Promise<void> {
  const ts: Any = (await import(["npm:typescript", "5.9.3"].join("@"))).default;
  const parse = (path: string) =>
    ts.createSourceFile(
      path,
      Deno.readTextFileSync(new URL(path, root)),
      ts.ScriptTarget.Latest,
      true,
    );
  const sentences = new Set<string>(),
    functions: FunctionLength[] = [],
    declared: Record<string, string> = {};
  const own = gitFiles(
    "src",
    "experiments",
    "kernels",
    "tests",
    "scripts",
    "bench",
    "mod.ts",
    "cli.ts",
  )
    .filter((path) => path.endsWith(".ts") && !path.startsWith("scripts/freeze"));
  for (const path of own) {
    const file = parse(path);
    if (path.startsWith("tests/")) { for (const one of sentencesIn(ts, file)) sentences.add(one); }
    const visit = (node: Any): void => {
      if (ts.isFunctionLike(node) && node.body) {
        const at = (position: number) => file.getLineAndCharacterOfPosition(position).line + 1;
        const line = at(node.getStart(file)), lines = at(node.end) - line + 1;
        const name = node.name?.getText(file) ?? node.parent?.name?.getText?.(file) ??
          "(anonymous)";
        if (lines > 50) functions.push({ path, name, line, lines });
      }
      if (ts.isFunctionDeclaration(node) && node.body && node.name && path.startsWith("src/")) {
        const isExported = node.modifiers?.some((one: Any) =>
          one.kind === ts.SyntaxKind.ExportKeyword
        );
        if (isExported) declared[node.name.text] ??= path;
      }
      ts.forEachChild(node, visit);
    };
    visit(file);
  }
  console.log(JSON.stringify({ sentences: [...sentences].sort(), functions, declared }));
}

/** A literal's text with `${}` for what a template has in between; pieces that are added are one. */
function textOf(ts: Any, node: Any): string | undefined {
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) return node.text;
  if (ts.isRegularExpressionLiteral(node)) return node.text;
  if (ts.isTemplateExpression(node)) {
    return node.head.text +
      node.templateSpans.map((span: Any) => "${}" + span.literal.text).join("");
  }
  if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken) {
    const [left, right] = [textOf(ts, node.left), textOf(ts, node.right)];
    if (left === undefined && right === undefined) return undefined;
    return (left ?? "${}") + (right ?? "${}");
  }
}

function sentencesIn(ts: Any, file: Any): string[] {
  const found: string[] = [];
  const visit = (node: Any, isQuoted: boolean): void => {
    const text = textOf(ts, node);
    if (text !== undefined) {
      const isSentence = text.includes(" ") && text.length <= 600;
      if (isSentence && (isQuoted || wording.test(text))) found.push(text);
      if (!ts.isTemplateExpression(node)) return;
    }
    const name = ts.isCallExpression(node)
      ? node.expression.name?.text ?? node.expression.text
      : undefined;
    if (name === "test" && ts.isCallExpression(node)) {
      // A test's name is no message.
      node.arguments.slice(1).forEach((one: Any) => visit(one, false));
      return;
    }
    if (ts.isArrowFunction(node) || ts.isFunctionExpression(node)) isQuoted = false;
    ts.forEachChild(node, (child: Any) => visit(child, isQuoted || quoting.test(name ?? "")));
  };
  visit(file, false);
  return found;
}

if (import.meta.main) await main();
