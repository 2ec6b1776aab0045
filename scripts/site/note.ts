/**
 * Prints `docs/note.md` as a PDF, `site/note.pdf` or the file that is named; needs Chromium: `deno task docs:note`.
 *
 * @module
 */

import { marked } from "npm:marked@18.2.1";
import { Browser } from "../support/browser.ts";
import { sourceText } from "../support/source_files.ts";

const style = `@page { size: A4; margin: 20mm 18mm }
body { font: 10.5pt/1.42 Georgia, serif; color: #111 } h1 { font-size: 18pt; line-height: 1.2 }
h2 { font-size: 13pt; margin: 1.2em 0 0.3em; break-after: avoid } p { margin: 0.5em 0 }
table { border-collapse: collapse; font-size: 9.5pt; margin: 0.6em 0; break-inside: avoid }
th, td { border-bottom: 1px solid #bbb; padding: 2px 10px 2px 0; text-align: left }
pre { background: #f3f3f3; padding: 5px 8px; font-size: 8.5pt; white-space: pre-wrap }
a { color: inherit; text-decoration: none }`;

/** The note as a page that needs nothing else. */
const pageOf = (markdown: string): string =>
  `<!doctype html><meta charset="utf-8"><title>Lowrank: a note</title><style>${style}</style>${
    marked.parse(markdown, { async: false })
  }`;

/** The note as a PDF. */
export async function notePdf(): Promise<Uint8Array<ArrayBuffer>> {
  await using browser = await Browser.start();
  const page = await browser.open("about:blank");
  const { frameTree } = await page.send("Page.getFrameTree") as {
    frameTree: { frame: { id: string } };
  };
  await page.send("Page.setDocumentContent", {
    frameId: frameTree.frame.id,
    html: pageOf(sourceText("docs/note.md")),
  });
  const { data } = await page.send("Page.printToPDF", { preferCSSPageSize: true }) as {
    data: string;
  };
  return Uint8Array.fromBase64(data);
}

if (import.meta.main) {
  const [file = "site/note.pdf"] = Deno.args;
  if (file.includes("/")) {
    await Deno.mkdir(file.slice(0, file.lastIndexOf("/")), { recursive: true });
  }
  await Deno.writeFile(file, await notePdf());
  console.log(file);
}
