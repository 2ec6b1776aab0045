/** In the page's bundle in the place of `src/figures/loader.ts`: the page has loaded plotly itself. @module */

/** Nothing. */
export function figureLoader(): Promise<string> {
  return Promise.resolve("");
}

/** Nothing: no page writes a report. */
export function loaderScripts(): Promise<[loading: string, library: string]> {
  return Promise.resolve(["", ""]);
}
