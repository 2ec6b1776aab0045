/** Why a file could not be read or written, in a few words. @module */

const NO_SPACE = "the disk is full", NO_QUOTA = "the disk quota is used up";
const BROKEN_PATH = "a part of its path is not a folder";

/** What the system's error codes mean for any use of a path. */
const ANYWHERE: Readonly<Record<string, string>> = {
  ENAMETOOLONG: "its name is too long",
  ELOOP: "its links lead in a circle",
  EMFILE: "too many files are open",
  EIO: "the disk failed",
};

/** Why a file could not be opened for reading. */
export function readReason(error: unknown): string {
  return reasonFor(error, {
    ENOENT: "it does not exist",
    EACCES: "it is not readable",
    EPERM: "it is not readable",
    EISDIR: "it is a folder",
    ENOTDIR: BROKEN_PATH,
  });
}

/** Why a file could not be written. */
export function writeReason(error: unknown): string {
  return reasonFor(error, {
    ENOSPC: NO_SPACE,
    EDQUOT: NO_QUOTA,
    EACCES: "its folder is not writable",
    EPERM: "its folder is not writable",
    EROFS: "its folder is on a read-only file system",
    ENOENT: "its folder does not exist",
    ENOTDIR: "its folder is not a folder",
    EISDIR: "it is a folder",
    ENOTEMPTY: "it is a folder",
    // For some errors Deno has no code, only a number.
    "27": "the file would be larger than the system allows",
    "122": NO_QUOTA,
  });
}

/** Why a folder could not be made or written to. */
export function folderReason(error: unknown): string {
  return reasonFor(error, {
    EEXIST: "it is a file",
    ENOENT: "it cannot be made there",
    ENOTDIR: BROKEN_PATH,
    EACCES: "it is not writable",
    EPERM: "it is not writable",
    EROFS: "it is on a read-only file system",
    ENOSPC: NO_SPACE,
    EDQUOT: NO_QUOTA,
  });
}

/** Words for an error of the system or of Deno, or its message without its number and call. */
function reasonFor(error: unknown, reasons: Readonly<Record<string, string>>): string {
  const { code, name, message } = error as Error & { code?: string };
  if (name === "NotCapable") return refusal(message);
  const number = /os error (\d+)/.exec(message)?.[1] ?? "";
  return reasons[code ?? ""] ?? reasons[number] ?? ANYWHERE[code ?? ""] ??
    message.replace(/ \(os error \d+\).*$/, "");
}

/** Why Deno refused: its own words advise granting all permissions where a path is special. */
function refusal(message: string): string {
  const [, access] = /^Requires (\S+) access/.exec(message) ?? [];
  return access === "all"
    ? "Deno lets programs into /dev, /proc and /sys only with all permissions; use another folder"
    : `the program has no permission for it (--allow-${access})`;
}
