/** Files that a reader drops on a section, alone or in a folder. @module */

import { element, page, type PageEvent } from "./dom.ts";

/** Calls `take` with the files that are dropped on a section. */
export function takeDrops(section: string, take: (files: File[]) => void): void {
  element(section).addEventListener("drop", async (event) => take(await filesOf(event)));
}

/** A file that is dropped elsewhere would take the place of the page. */
export function refuseOtherDrops(): void {
  for (const name of ["dragover", "drop"]) {
    page.document.documentElement.addEventListener(name, (event) => {
      if (event.dataTransfer.types.includes("Files")) event.preventDefault();
    });
  }
}

/**
 * The files, and those in a folder, but not in folders inside of it. Not every browser has these handles, and
 * its older way into a folder, `webkitGetAsEntry`, is closed to a page from a file in Chromium.
 */
async function filesOf({ dataTransfer: { items, files } }: PageEvent): Promise<File[]> {
  const given = [...items];
  if (!given[0]?.getAsFileSystemHandle) return [...files];
  const handles = await Promise.all(given.map((item) => item.getAsFileSystemHandle!()));
  const found: File[] = [];
  for (const handle of handles) {
    const inside = handle?.kind === "directory" ? handle.values() : handle ? [handle] : [];
    for await (const one of inside) if (one.kind === "file") found.push(await one.getFile());
  }
  return found;
}
