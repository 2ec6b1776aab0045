/**
 * Every operation that changes the disk, in one object, so that tests can make each of them fail;
 * and the reasons of failures in plain words.
 *
 * @module
 */

// Operations.

/** A new file; while it is open, it is locked. */
export interface NewFile extends Disposable {
  /** Writes some of the bytes from the start, and returns how many. */
  write(bytes: Uint8Array): Promise<number>;
  /** Waits until what was written is on the disk. */
  sync(): Promise<void>;
}

/** The operations. */
export interface Disk {
  /** Makes a folder and its parents; an existing folder stays as it is. */
  makeFolder(path: string): Promise<void>;
  /** Makes a file that must not exist yet. */
  create(path: string, mode?: number): Promise<NewFile>;
  /**
   * Opens a file to write after its first bytes, of which it keeps so many; where it keeps none, a new file
   * takes the place of what is there. Nothing is written through a link.
   */
  extend(path: string, kept: number): Promise<NewFile>;
  /** Makes a symbolic link that leads to a path, relative to its own folder. */
  link(target: string, path: string): Promise<void>;
  /** Sets a file's permission bits. */
  setMode(path: string, mode: number): Promise<void>;
  /** Puts a file in the place of another one, or of none. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file or an empty folder. */
  remove(path: string): Promise<void>;
  /** Removes a folder with everything in it. */
  removeAll(path: string): Promise<void>;
  /** Waits until a folder's names are on the disk, where the system can. */
  syncFolder(path: string): Promise<void>;
}

const system: Disk = {
  makeFolder: (path) => Deno.mkdir(path, { recursive: true }),
  create,
  extend,
  link: (target, path) => Deno.symlink(target, path, { type: "file" }),
  setMode: (path, mode) => Deno.chmod(path, mode),
  rename: (from, to) => Deno.rename(from, to),
  remove: (path) => Deno.remove(path),
  removeAll: (path) => Deno.remove(path, { recursive: true }),
  syncFolder,
};

let operations = system;

/** The operations in force. A call that a signal interrupts is made again. */
export const disk: Disk = {
  makeFolder: (path) => uninterrupted(() => operations.makeFolder(path)),
  create: async (path, mode) => patient(await uninterrupted(() => operations.create(path, mode))),
  extend: async (path, kept) => patient(await uninterrupted(() => operations.extend(path, kept))),
  link: (target, path) => uninterrupted(() => operations.link(target, path)),
  setMode: (path, mode) => uninterrupted(() => operations.setMode(path, mode)),
  rename: (from, to) => uninterrupted(() => operations.rename(from, to)),
  remove: (path) => uninterrupted(() => operations.remove(path)),
  removeAll: (path) => uninterrupted(() => operations.removeAll(path)),
  syncFolder: (path) => uninterrupted(() => operations.syncFolder(path)),
};

/** Puts others in the place of the operations, until it is disposed; `make` gets the system's. */
export function replaceDisk(make: (system: Disk) => Disk): Disposable {
  operations = make(system);
  return { [Symbol.dispose]: () => void (operations = system) };
}

const patient = (file: NewFile): NewFile => ({
  write: (bytes) => uninterrupted(() => file.write(bytes)),
  sync: () => uninterrupted(() => file.sync()),
  [Symbol.dispose]: () => file[Symbol.dispose](),
});

/** Writes some of the bytes and returns how many; some disks accept none and report no error. */
export async function writeSome(file: NewFile, bytes: Uint8Array): Promise<number> {
  const count = await file.write(bytes);
  if (count > 0) return count;
  throw new Error("the disk accepts no more bytes");
}

/** Writes all of the bytes. */
export async function writeAll(file: NewFile, bytes: Uint8Array): Promise<void> {
  for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await writeSome(file, rest));
}

async function uninterrupted<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      // Unlike other errors of the system, it has no code.
      if (!(error instanceof Deno.errors.Interrupted)) throw error;
    }
  }
}

/**
 * The lock tells a file that is being written from what a killed process has left. Before we have it,
 * another process may take the new file for such a leftover; it keeps the lock until it has removed it.
 */
async function create(path: string, mode?: number): Promise<NewFile> {
  for (let attempts = 1;; attempts++) {
    const file = await Deno.open(path, { write: true, createNew: true, mode });
    await file.lock(true).catch(() => {}); // Some network drives have no locks.
    if (attempts === 10 || await isFile(path)) return file;
    file.close();
  }
}

const isFile = (path: string): Promise<boolean> =>
  Deno.stat(path).then(({ isFile }) => isFile, () => false);

async function extend(path: string, kept: number): Promise<NewFile> {
  if (kept === 0) {
    await Deno.remove(path).catch(() => {});
    return await Deno.open(path, { write: true, createNew: true });
  }
  const file = await Deno.open(path, { write: true }), own = await file.stat();
  const { isSymlink, dev, ino } = await Deno.lstat(path);
  if (isSymlink || dev !== own.dev || ino !== own.ino) {
    file.close();
    throw new Error("it has become a link");
  }
  await file.truncate(kept);
  await file.seek(kept, Deno.SeekMode.Start);
  return file;
}

/** Windows opens no folders, and some network drives do not write them on demand. */
async function syncFolder(path: string): Promise<void> {
  using folder = await Deno.open(path).catch(() => undefined);
  await folder?.sync().catch((error) => {
    if (!["EINVAL", "ENOTSUP", "EBADF"].includes(error.code)) throw error;
  });
}

// Reasons of failures.

const NO_SPACE = "the disk is full", NO_QUOTA = "the disk quota is used up";
const BROKEN_PATH = "a part of its path is not a folder";

/** Reasons for the system's error codes that hold for any use of a path. */
const ANYWHERE: Readonly<Record<string, string>> = {
  ENAMETOOLONG: "its name is too long",
  ELOOP: "its links lead in a circle",
  EMFILE: "too many files are open",
  EIO: "the disk failed",
};

/** The reason that a file could not be opened for reading. */
export function readReason(error: unknown): string {
  return reasonFor(error, {
    ENOENT: "it does not exist",
    EACCES: "it is not readable",
    EPERM: "it is not readable",
    EISDIR: "it is a folder",
    ENOTDIR: BROKEN_PATH,
  });
}

/** The reason that a file could not be written. */
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

/** The reason that a folder could not be made or written to. */
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

/**
 * The reason for which Deno refused access: its own words advise granting all permissions where a
 * path is special.
 */
function refusal(message: string): string {
  const [, access] = /^Requires (\S+) access/.exec(message) ?? [];
  return access === "all"
    ? "Deno lets programs into /dev, /proc and /sys only with all permissions; use another folder"
    : `the program has no permission for it (--allow-${access})`;
}
