/**
 * Prints the programs that the main job may start, for `--allow-run` of its task: Deno, which measures memory in a
 * process of its own, and what shows the report. Deno is not in PATH everywhere, and a name in vain is complained of.
 *
 * @module
 */

import { opener } from "../experiments/frame/open_in_browser.ts";

function isInPath(name: string): boolean {
  return (Deno.env.get("PATH") ?? "").split(":").some((folder) => {
    try {
      return Deno.statSync(`${folder}/${name}`).isFile;
    } catch {
      return false;
    }
  });
}

const shows = opener !== "xdg-open" || isInPath(opener); // other systems always have theirs
console.log([Deno.execPath(), ...(shows ? [opener] : [])].join());
