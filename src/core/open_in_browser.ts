/** Showing a page in the browser of the one who started the program. @module */

/** What opens an address with the program that its user has chosen. */
const opener = { darwin: "open", windows: "explorer" } as Readonly<Record<string, string>>;

/**
 * Opens an address in the user's browser, which outlives this program, and does not wait for it.
 *
 * @throws {Error} when there is nothing to open it with.
 */
export function openInBrowser(address: string): void {
  const program = opener[Deno.build.os] ?? "xdg-open", quiet = "null";
  const streams = { stdin: quiet, stdout: quiet, stderr: quiet } as const;
  try {
    new Deno.Command(program, { args: [address], ...streams, detached: true }).spawn().unref();
  } catch (error) {
    throw new Error(`cannot open ${address}: ${program} cannot be started`, { cause: error });
  }
}
