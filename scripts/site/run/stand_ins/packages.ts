/** In the page's bundle in the place of `src/data/packages.ts`: files of packages that the site serves. @module */

import { NotInPage } from "../kernel/not_in_page.ts";

/** The glosses of WordNet 3.1. */
export function wordNetPackage(): Promise<URL> {
  return Promise.resolve(new URL("../wordnet/package.json", import.meta.url));
}

const absent = (what: string) => () => Promise.reject(new NotInPage(what));

/** Not served. */
export const speechesPackage: () => Promise<URL> = absent("a text corpus on a disk");

/** Not served. */
export const mobyDickPackage: () => Promise<URL> = absent("a text corpus on a disk");

/** Not served. */
export const digitsPackage: () => Promise<URL> = absent("a data set on a disk");
