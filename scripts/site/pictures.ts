/**
 * Writes the pictures of the README and of the guides, and the table of methods: `deno task docs:picture`.
 *
 * @module
 */

import { methodPicture } from "../../src/figures/pictures.ts";
import { packageImports } from "../support/layers.ts";
import { floorsPicture } from "./floors_picture.ts";
import { memoryPicture } from "./memory_picture.ts";
import { methodsTable, withTable } from "./methods_table.ts";
import { firstRun, motionPicture } from "./motion.ts";

if (import.meta.main) {
  const images = new URL("../../docs/images/", import.meta.url);
  await Deno.writeTextFile(new URL("method.svg", images), methodPicture().svg);
  await Deno.writeTextFile(new URL("memory.svg", images), memoryPicture());
  const { svg } = motionPicture(await firstRun(), "wide");
  await Deno.writeTextFile(new URL("playground.svg", images), svg);
  await Deno.writeTextFile(new URL("floors.svg", images), floorsPicture(await packageImports()));
  const guide = new URL("../../docs/command_line.md", import.meta.url);
  const table = await methodsTable();
  await Deno.writeTextFile(guide, withTable(await Deno.readTextFile(guide), table));
}
