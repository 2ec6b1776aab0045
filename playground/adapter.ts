/** The spectra of an adapter's files. @module */

import { type Spectrum, spectrum } from "../src/analysis/mod.ts";
import { siteName } from "../src/core/update.ts";
import { streamAdapter } from "../src/formats/peft/folder.ts";

/** The update of one site. */
export interface SiteSpectrum extends Spectrum {
  /** `transformer.h.0.attn.c_attn:q`. */
  readonly name: string;
  /** r. */
  readonly rank: number;
}

/**
 * Yields one site after the other, of which only one is in memory: a large one takes a tenth of a second.
 *
 * @param files `adapter_config.json` and `adapter_model.safetensors`.
 * @throws {AdapterFileError} when they are no adapter that the library reads.
 */
export async function* spectraOf(files: readonly File[]): AsyncGenerator<SiteSpectrum> {
  for await (const update of streamAdapter(files, { updatesOnly: true })) {
    const [rank] = update.A.shape;
    yield { ...spectrum(update), name: siteName(update), rank };
  }
}
