/** Files that a reader drops on a section, alone or in a folder. @module */

import { type DroppedHandle, element, page, type PageEvent } from "./dom.ts";

/** Calls `take` with the files that are dropped on a section. */
export function takeDrops(section: string, take: (files: File[]) => void): void {
  element(section).addEventListener("drop", async (event) => take(await filesOf(event)));
}

/** Ignores files that are dropped elsewhere: the browser would open one in the place of the page. */
export function refuseOtherDrops(): void {
  for (const name of ["dragover", "drop"]) {
    page.document.documentElement.addEventListener(name, (event) => {
      if (event.dataTransfer.types.includes("Files")) event.preventDefault();
    });
  }
}

/**
 * The files that are dropped, and those in a dropped folder, but not in folders inside of it.
 *
 * Without handles a folder stays closed: in Chromium the older way, `webkitGetAsEntry`, fails on a page that was opened
 * from a file.
 */
async function filesOf({ dataTransfer: { items, files } }: PageEvent): Promise<File[]> {
  const dropped = [...items];
  if (!dropped[0]?.getAsFileSystemHandle) return [...files];
  // All handles before the first `await`, after which the browser empties the list.
  const handles = await Promise.all(dropped.map((item) => item.getAsFileSystemHandle!()));
  return (await Promise.all(handles.map(filesIn))).flat();
}

/** A file, or those of a folder; none where a text was dropped. */
async function filesIn(handle: DroppedHandle | null): Promise<File[]> {
  if (handle === null) return [];
  if (handle.kind === "file") return [await handle.getFile()];
  const found: File[] = [];
  for await (const entry of handle.values()) {
    if (entry.kind === "file") found.push(await entry.getFile());
  }
  return found;
}
