/** The files of the base, from the script beside the page: a page from a file may not fetch its neighbors. @module */

import { element, page } from "../dom.ts";
import { type Packed, unpacked } from "../packed.ts";

const place = globalThis as { tinySkills?: Packed };

/** Loads the script, which a reader has asked for. */
export async function loadFiles(): Promise<File[]> {
  await new Promise<void>((resolve, reject) => {
    const script = page.document.createElement("script");
    script.addEventListener("load", () => resolve());
    script.addEventListener("error", () => reject(new Error(missing)));
    script.setAttribute("src", "tiny_skills.js");
    element("tiny").append(script);
  });
  const packed = place.tinySkills!;
  delete place.tinySkills;
  return await unpacked(packed);
}

const missing = "A file is missing: tiny_skills.js must be in the folder of this page";
