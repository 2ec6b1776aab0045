/** The files of the base, from the script beside the page: a page from a file may not fetch its neighbors. @module */

import { element, page } from "../dom.ts";

/** Contents by their names, in base64. */
type Packed = Readonly<Record<string, string>>;

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
  const packed = Object.entries(place.tinySkills!);
  delete place.tinySkills;
  return await Promise.all(packed.map(([name, text]) => unpack(name, text)));
}

async function unpack(name: string, text: string): Promise<File> {
  return new File([await (await fetch(`data:;base64,${text}`)).blob()], name);
}

const missing = "tiny_skills.js must be beside this page, where deno task playground writes it";
