/**
 * Functions and methods of the package that write files, found in its sources: those that name a
 * function of storage that writes, or one that does so.
 *
 * @module
 */

import {
  root,
  sourceFiles,
  sourceText,
  withoutComments,
} from "../../scripts/support/source_files.ts";

/** A function or method, by the names that callers know it by, and what it names. */
interface Declaration {
  readonly ids: readonly string[];
  readonly mentions: ReadonlySet<string>;
}

/** Functions of storage that write files. */
const first = ["moveFile", "saveFolder", "writeFileAtomic"];

/** The functions and methods that write files: `src/runs/run.ts#run`, `src/….ts#LoraAdapter.save`. */
export function writingFunctions(): Set<string> {
  const declarations = sourceFiles(["src", "experiments"]).flatMap(declarationsOf);
  const ids = declarations.flatMap(({ ids }) => ids).filter((id) => id.startsWith("src/storage/"));
  const writing = new Set(first.map((name) => ids.find((id) => id.endsWith(`#${name}`))!));
  for (let before = 0; before < writing.size;) {
    before = writing.size;
    for (const { ids, mentions } of declarations) {
      if (!mentions.isDisjointFrom(writing)) ids.forEach((id) => writing.add(id));
    }
  }
  return writing;
}

const declared = /^(?:export )?(?:abstract )?(?:async )?(function\*?|const|class|interface) (\w+)/;
const method = /^ {2}(?:static |override |async )*([\w#]+)(?:<[^(]*>)?\(/;

/** The formatter lets declarations start lines, and methods start them after two spaces. */
function declarationsOf(path: string): Declaration[] {
  const source = withoutComments(sourceText(path)), parts = source.split(/^(?=[a-z])/m);
  const imports = [...linksOf(path, source, "import"), ...lazyLinksOf(path, source)];
  const known = new Map(imports.map(({ file, name, as }) => [as, originOf(file, name)]));
  for (const part of parts) {
    const [, , name] = declared.exec(part) ?? [];
    if (name) known.set(name, `${path}#${name}`);
  }
  const mentioned = (text: string) =>
    (text.match(/(?<![.\w])[A-Za-z]\w*/g) ?? []).flatMap((word) => known.get(word) ?? []);
  return parts.flatMap((part): Declaration[] => {
    const [, kind, name] = declared.exec(part) ?? [], id = `${path}#${name}`;
    if (name === undefined) return [];
    if (kind !== "class") return [{ ids: [id], mentions: new Set(mentioned(part)) }];
    const [head, ...members] = part.split(/^(?= {2}[\w#])/m);
    // What is called by the name of an interface may be this.
    const types = [id, ...mentioned(/implements .*/.exec(head)?.[0] ?? "")];
    return members.flatMap((text) => {
      const [, own] = method.exec(text) ?? [];
      const others = text.matchAll(/\bthis\.([\w#]+)/g);
      const mentions = [...mentioned(text), ...Array.from(others, ([, other]) => `${id}.${other}`)];
      return own
        ? [{ ids: types.map((type) => `${type}.${own}`), mentions: new Set(mentions) }]
        : [];
    });
  });
}

interface Link {
  readonly file: string;
  readonly name: string;
  readonly as: string;
}

/** The file and name of a name's declaration, followed through exports. */
function originOf(file: string, name: string): string {
  const link = linksOf(file, sourceText(file), "export").find(({ as }) => as === name);
  return link ? originOf(link.file, link.name) : `${file}#${name}`;
}

/** The names that a file imports, or exports from others. */
function linksOf(path: string, source: string, word: "import" | "export"): Link[] {
  const lists = source.matchAll(RegExp(`^${word} (?:type )?\\{([^}]*)\\} from "(\\.[^"]*)"`, "gm"));
  return [...lists].flatMap(([, list, target]) => linksIn(path, list, target));
}

/** The names that functions of a file import when they run. */
function lazyLinksOf(path: string, source: string): Link[] {
  const lists = source.matchAll(/const \{([^}]*)\} = await import\("(\.[^"]*)"\)/g);
  return [...lists].flatMap(([, list, target]) => linksIn(path, list, target));
}

function linksIn(path: string, list: string, target: string): Link[] {
  const file = new URL(target, new URL(path, root)).href.slice(root.href.length);
  return [...list.matchAll(/(?:type )?(\w+)(?: as (\w+))?/g)]
    .map(([, name, as = name]) => ({ file, name, as }));
}
