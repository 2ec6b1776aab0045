/** Files that the site serves: asking a server for a file that is not there is an error in its console. @module */

/** The folder of the site. */
const site = new URL("../", import.meta.url).href;

let names: Promise<readonly string[]> | undefined;

/** Answers the question whether a file is there, which is asked by the method `HEAD`, from the list of the models. */
export function knowServedFiles(): void {
  const fetch = globalThis.fetch;
  globalThis.fetch = async (input, options) => {
    const address = new URL(input instanceof Request ? input.url : input, import.meta.url).href;
    const isAsked = options?.method === "HEAD" && address.startsWith(site);
    if (!isAsked) return await fetch(input, options);
    names ??= fetch(new URL("./models.json", import.meta.url)).then((answer) => answer.json());
    const isThere = (await names).includes(address.slice(site.length));
    return new Response(null, { status: isThere ? 200 : 404 });
  };
}
