/** Names of repositories of the Hugging Face hub, and of what is in them. @module */

import { oneLine } from "../core/errors.ts";

/** The parts of a name on the hub. */
export interface HubName {
  /** `OWNER/NAME`. */
  readonly repository: string;
  /** A branch, a tag or a commit. */
  readonly revision: string;
  /** A file or folder in the repository; empty for all of it. */
  readonly path: string;
}

/** True for a path that names a repository, folder or file on the hub. */
export function isHubName(path: unknown): path is string {
  return typeof path === "string" && path.startsWith("hf:");
}

/**
 * Parses `hf:OWNER/NAME[@REVISION][/PATH]`; the revision is `main` if there is none, and `%2F` stands for
 * a slash in it.
 *
 * @throws {RangeError} when the name has another form.
 */
export function parseHubName(text: string): HubName {
  const [, repository = "", encoded = "main", inside = ""] =
    /^hf:([^/@]+\/[^/@]+)(?:@([^/]+))?(?:\/(.*))?$/.exec(text) ?? [];
  const revision = encoded.replaceAll(/%2f/gi, "/"), path = inside.replace(/\/+$/, "");
  const isRevision = /^[\w.+/-]+$/.test(revision) && isInside(revision);
  if (isRepository(repository) && isRevision && (path === "" || isInside(path))) {
    return { repository, revision, path };
  }
  throw new RangeError(
    `a name on the Hugging Face hub must be hf:OWNER/NAME or hf:OWNER/NAME@REVISION, found ${
      oneLine(text)
    }`,
  );
}

const isRepository = (name: string): boolean =>
  name.split("/").every((part) => /^\w([\w.-]{0,94}\w)?$/.test(part) && !/--|\.\./.test(part));

/** True if a path with slashes stays inside of the folder that it begins in. */
export function isInside(path: string): boolean {
  // A backslash separates folders on Windows.
  return !/[\\\0]/.test(path) &&
    path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}
