/** Links among the files of a model's or an adapter's folder, which a stranger may have made. @module */

/** True of a link itself, wherever it leads; false where there is nothing. */
export async function isLink(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(({ isSymlink }) => isSymlink, () => false);
}

/**
 * Follows a file of a folder if it is a link. It must lead to a file in the same folder or, in the cache of
 * Hugging Face's tools, from a repository's snapshot to its contents in `blobs`: any other could lead to a file
 * of the user's, and what that holds would get into outputs, answers and messages.
 *
 * @returns The path itself or, of a link, that of the file it leads to, which has no links in it.
 * @throws {Error} when a link leads elsewhere or nowhere; the message gives the reason alone.
 */
export async function followed(path: string, folder: string): Promise<string> {
  if (!await isLink(path)) return path;
  const own = await Deno.realPath(folder), target = await Deno.realPath(path);
  const blobs = own.replace(/([\\/]models--[^\\/]+[\\/])snapshots[\\/][^]*$/, "$1blobs");
  if ([own, blobs].includes(folderOf(target))) return target;
  throw new Error(
    "a link must lead to a file in its own folder, or from a snapshot in the Hugging Face cache to " +
      "the blobs there, found one that leads elsewhere; copy the file if it belongs in the folder",
  );
}

/** The path behind all links; the path itself if it may not be read or leads nowhere. */
export function linkedPath(path: string): string {
  // Asking first keeps a program without --allow-read from being stopped by a prompt.
  if (Deno.permissions.querySync({ name: "read", path }).state !== "granted") return path;
  try {
    return Deno.realPathSync(path);
  } catch {
    return path;
  }
}

/** The folder of a canonical path. */
const folderOf = (path: string): string =>
  path.slice(0, path.lastIndexOf(Deno.build.os === "windows" ? "\\" : "/"));
