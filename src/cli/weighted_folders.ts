/** Adapters with weights as arguments, such as `out/a:0.5`. @module */

import type { WeightedFolder } from "../adapt/combine/read_adapters.ts";
import { quote } from "../core/quote.ts";

/**
 * A folder and, after its last colon, its weight; 1 if there is none. A colon of `hf:OWNER/NAME` or of a drive is
 * not followed by a weight.
 *
 * @throws {RangeError} when what follows is no number.
 */
export function weightedFolder(text: string): WeightedFolder {
  const colon = text.lastIndexOf(":");
  const isPlain = colon < 0 || colon === 2 && text.startsWith("hf:") ||
    /^[a-z]:[\\/][^:]*$/i.test(text);
  if (isPlain) return { folder: text, weight: 1 };
  const [folder, written] = [text.slice(0, colon), text.slice(colon + 1)], weight = Number(written);
  if (folder !== "" && written.trim() !== "" && Number.isFinite(weight)) return { folder, weight };
  throw new RangeError(
    `an adapter to combine is FOLDER or FOLDER:WEIGHT with a number, such as out/a:0.5, found ${
      quote(text)
    }`,
  );
}
