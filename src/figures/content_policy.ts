/** Content policies of pages: the permissions of their scripts. @module */

import { sha256 } from "../storage/digest.ts";

/** Permissions that a page's own scripts need besides. */
interface PageNeeds {
  /** Further sources of `script-src`: `'strict-dynamic'` for scripts that these scripts add. */
  readonly script?: readonly string[];
  /** Source of what they fetch. Default: nothing. */
  readonly connect?: string;
  /** Source of the workers that they start. Default: none. */
  readonly worker?: string;
}

/**
 * The Content-Security-Policy of a page that runs exactly these scripts, the text of each inline script
 * element. Pictures are part of the page and nothing is fetched or sent; a script or an event handler
 * that some text brought in despite the escaping does not run. Styles are inline, as plotly's are.
 */
export async function contentPolicy(
  scripts: readonly string[],
  { script = [], connect, worker }: PageNeeds = {},
): Promise<string> {
  const hashes = await Promise.all(Array.from(new Set(scripts), hashOf));
  return [
    "default-src 'none'",
    `script-src ${[...hashes, ...script].join(" ")}`,
    ...connect ? [`connect-src ${connect}`] : [],
    ...worker ? [`worker-src ${worker}`] : [],
    "style-src 'unsafe-inline'",
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
}

async function hashOf(script: string): Promise<string> {
  const digest = Uint8Array.fromHex(await sha256(new TextEncoder().encode(script)));
  return `'sha256-${digest.toBase64()}'`;
}
