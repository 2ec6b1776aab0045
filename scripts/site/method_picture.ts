/**
 * Writes the README's picture of the method: `deno task docs:picture`.
 *
 * @module
 */

import { methodPicture } from "../../src/figures/pictures.ts";

if (import.meta.main) {
  const file = new URL("../../docs/images/method.svg", import.meta.url);
  await Deno.writeTextFile(file, methodPicture().svg);
}
