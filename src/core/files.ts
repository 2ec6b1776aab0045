/** Files that are written whole or not at all, and JSON with clear errors. @module */

/** What {@link writeFileAtomic} takes: bytes, text, or pieces that are made as they are written. */
export type FileContent = Uint8Array | string | Iterable<Uint8Array>;

/** What the system's error codes mean for somebody whose file was not written. */
const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EACCES: "its folder is not writable",
  EPERM: "its folder is not writable",
  EROFS: "its folder is on a read-only file system",
  ENOENT: "its folder does not exist",
  ENOTDIR: "its folder is not a folder",
  EISDIR: "it is a folder",
  ENOTEMPTY: "it is a folder",
  // Deno gives no code for some errors, only their number.
  "27": "the file would be larger than the system allows",
  "122": "the disk quota is used up",
};

/** The same for any use of a path. */
const ANYWHERE: Readonly<Record<string, string>> = {
  ENAMETOOLONG: "its name is too long",
  ELOOP: "its links lead in a circle",
  EMFILE: "too many files are open",
  EIO: "the disk failed",
};

/** How far a write has come, for the error message. */
interface Progress {
  written: number;
  total?: number;
}

/**
 * Writes a file through a temporary one in the same folder (write, flush, rename), so that a reader
 * and a crash see the old bytes or the new ones and never a part.
 *
 * @param totalBytes The size of the whole, where `content` comes in pieces; only errors mention it.
 * @throws {Error} Where the disk is full or the folder missing or not writable; the old file is as
 * before and no temporary file is left. What `content` throws while it is iterated passes through.
 *
 * @example
 * ```ts
 * const folder = await Deno.makeTempDir();
 * await writeFileAtomic(`${folder}/note.txt`, "whole or not at all\n");
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function writeFileAtomic(
  path: string,
  content: FileContent,
  totalBytes?: number,
): Promise<void> {
  const pieces = piecesOf(content);
  const total = Array.isArray(pieces) ? pieces[0].length : totalBytes;
  const progress: Progress = { written: 0, total };
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  const file = await explain(
    path,
    progress,
    Deno.open(temporary, { write: true, createNew: true }),
  );
  try {
    await writePieces(file, path, pieces, progress);
    await explain(path, progress, Deno.rename(temporary, path));
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
}

/**
 * Writes a value as JSON with an indent of two spaces and a final line break, whole or not at all.
 *
 * @throws {Error} As {@link writeFileAtomic}.
 */
export async function writeJsonAtomic(path: string, value: unknown): Promise<void> {
  await writeFileAtomic(path, JSON.stringify(value, null, 2) + "\n");
}

/**
 * Reads a JSON file.
 *
 * @throws {SyntaxError} Where the file is not JSON.
 * @throws {Error} Where the file cannot be read.
 */
export async function readJson(path: string): Promise<unknown> {
  const text = await Deno.readTextFile(path).catch((error) => {
    throw new Error(`cannot read ${path}: ${readReason(error)}`, { cause: error });
  });
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new SyntaxError(`cannot read ${path}: it is not JSON (${(error as Error).message})`);
  }
}

/** Why a file could not be opened for reading, in a few words. */
export function readReason(error: unknown): string {
  return reasonFor(error, {
    ENOENT: "it does not exist",
    EACCES: "it is not readable",
    EPERM: "it is not readable",
    EISDIR: "it is a folder",
    ENOTDIR: "a part of its path is not a folder",
  });
}

/** Why a folder could not be made or written to, in a few words. */
export function folderReason(error: unknown): string {
  return reasonFor(error, {
    EEXIST: "it is a file",
    ENOENT: "it cannot be made there",
    ENOTDIR: "a part of its path is not a folder",
    EACCES: "it is not writable",
    EPERM: "it is not writable",
    EROFS: "it is on a read-only file system",
    ENOSPC: REASONS.ENOSPC,
    EDQUOT: REASONS.EDQUOT,
  });
}

/** Words for an error of the system, or its message without its number and call. */
function reasonFor(error: unknown, reasons: Readonly<Record<string, string>>): string {
  const { code, message } = error as Error & { code?: string };
  const number = /os error (\d+)/.exec(message)?.[1] ?? "";
  return reasons[code ?? ""] ?? reasons[number] ?? ANYWHERE[code ?? ""] ??
    message.replace(/ \(os error \d+\).*$/, "");
}

function piecesOf(content: FileContent): Iterable<Uint8Array> {
  if (typeof content === "string") return [new TextEncoder().encode(content)];
  return content instanceof Uint8Array ? [content] : content;
}

async function writePieces(
  file: Deno.FsFile,
  path: string,
  pieces: Iterable<Uint8Array>,
  progress: Progress,
): Promise<void> {
  using _ = file;
  for (const piece of pieces) {
    for (let offset = 0; offset < piece.length;) {
      const count = await explain(path, progress, file.write(piece.subarray(offset)));
      offset += count;
      progress.written += count;
    }
  }
  await explain(path, progress, file.sync());
}

/** Waits for one step of a write and turns its failure into a sentence. */
async function explain<T>(path: string, progress: Progress, step: Promise<T>): Promise<T> {
  try {
    return await step;
  } catch (error) {
    const reason = reasonFor(error, REASONS);
    const total = progress.total ?? "unknown";
    const count = `wrote ${progress.written} of ${total} bytes`;
    throw new Error(
      `cannot write ${path}: ${reason} (${count}); an older file there is unchanged`,
      {
        cause: error,
      },
    );
  }
}
