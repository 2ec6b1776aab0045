/** Links in doc comments: `deno doc --lint` lets pass those to members that are gone. */

import { assertEquals } from "@std/assert";
import { sourceFiles, sourceText } from "../../scripts/support/source_files.ts";

/** A declaration at the top level of a file: its text up to the next line that is not indented. */
interface Declaration {
  readonly text: string;
  /** The first name that it extends, if it does. */
  readonly base?: string;
}

const opening =
  /^(?:@inline )?(?:export )?(?:declare )?(?:abstract )?(?:async )?(?:class|interface|type|function\*?|const|enum) (\w+)/gm;

/** The declarations of a text, by name. */
const declarationsIn = (text: string): [name: string, declaration: Declaration][] =>
  text.matchAll(opening).map(({ 1: name, index }): [string, Declaration] => {
    const rest = text.slice(index), end = rest.search(/\n\S/);
    const own = end < 0 ? rest : rest.slice(0, end);
    return [name, { text: own, base: own.split("{\n")[0].match(/\bextends (\w+)/)?.[1] }];
  }).toArray();

/** True if a declaration, or one that it extends, has a member. */
function hasMember(all: ReadonlyMap<string, Declaration[]>, name: string, member: string): boolean {
  const line = new RegExp(
    `^\\s+(?:(?:readonly|get|static|async|abstract|override|\\*)\\s*)*${member}\\b\\??\\s*[(:<=!]`,
    "m",
  );
  return (all.get(name) ?? []).some(({ text, base }) =>
    line.test(text) || base !== undefined && hasMember(all, base, member)
  );
}

/** Links to what is not declared, to members that are gone, and to what the file neither has nor imports. */
function deadLinks(files: Readonly<Record<string, string>>): string[] {
  const all = new Map<string, Declaration[]>();
  for (const text of Object.values(files)) {
    for (const [name, one] of declarationsIn(text)) all.set(name, [...all.get(name) ?? [], one]);
  }
  return Object.entries(files).flatMap(([file, text]) => {
    const code = text.replaceAll(/\/\*[^]*?\*\//g, "");
    return text.matchAll(/\{@link (\w+)(?:[.#](\w+))?\}/g).flatMap(([link, name, member]) => {
      if (!all.has(name)) return [`${file}: ${link}, which is not declared`];
      if (!new RegExp(`\\b${name}\\b`).test(code)) {
        return [`${file}: ${link}, which is not imported`];
      }
      const isGone = member !== undefined && !hasMember(all, name, member);
      return isGone ? [`${file}: ${link}, which has no such member`] : [];
    }).toArray();
  });
}

Deno.test("every link in a doc comment is to what the file has or imports, and to members that are there", () => {
  const files = sourceFiles(["src", "kernels", "experiments", "scripts", "mod.ts", "cli.ts"]);
  assertEquals(deadLinks(Object.fromEntries(files.map((file) => [file, sourceText(file)]))), []);
});

Deno.test("the checker finds links to what is gone, and follows what a class extends", () => {
  const found = deadLinks({
    "a.ts": "/** {@link Base.run}, {@link Own.run}, {@link Own.gone}, {@link nothing} */\n" +
      "class Base {\n  run(): void {}\n}\nclass Own extends Base {\n  stop = 1;\n}\n",
    "b.ts": "/** Not {@link Own}. */\nconst b = 1;\n",
  });
  assertEquals(found, [
    "a.ts: {@link Own.gone}, which has no such member",
    "a.ts: {@link nothing}, which is not declared",
    "b.ts: {@link Own}, which is not imported",
  ]);
});
