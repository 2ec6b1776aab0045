/** Showing a page in the browser of the one who started the program. @module */

const openers = { darwin: "open", windows: "explorer" } as Readonly<Record<string, string>>;

/** The program that opens an address with the browser that its user has chosen. */
export const opener: string = openers[Deno.build.os] ?? "xdg-open";

/**
 * Opens an address in the user's browser, which outlives this program, and does not wait for it.
 *
 * @throws {Error} when there is nothing to open it with.
 */
export function openInBrowser(address: string): void {
  const quiet = "null";
  const streams = { stdin: quiet, stdout: quiet, stderr: quiet } as const;
  try {
    new Deno.Command(opener, { args: [address], ...streams, detached: true }).spawn().unref();
  } catch (error) {
    throw new Error(`cannot open ${address}: ${opener} cannot be started`, { cause: error });
  }
}
