/**
 * The part of `Deno` that the library uses, for Node: the npm package imports it as `#deno`. Files are Node's; FFI is
 * not granted, so that no BLAS is opened; and no file is locked, as on systems without locks.
 *
 * @module
 */

import "npm:core-js@3.51.0/actual/array-buffer/transfer.js";
import "npm:core-js@3.51.0/actual/async-disposable-stack/index.js";
import "npm:core-js@3.51.0/actual/disposable-stack/index.js";
import "npm:core-js@3.51.0/actual/iterator/dispose.js";
import "npm:core-js@3.51.0/actual/map/get-or-insert.js";
import "npm:core-js@3.51.0/actual/map/get-or-insert-computed.js";
import "npm:core-js@3.51.0/actual/promise/try.js";
import "npm:core-js@3.51.0/actual/typed-array/from-base64.js";
import "npm:core-js@3.51.0/actual/typed-array/to-base64.js";
import "npm:core-js@3.51.0/actual/typed-array/to-hex.js";
import * as fs from "node:fs";
import * as os from "node:os";
import process from "node:process";
import { inspect } from "node:util";

// Files.

type Place = string | URL;

/** An open file. Its position is its own: Node's reads and writes have none that both share. */
class NodeFile implements Disposable {
  readonly #handle: number;
  #at = 0;

  constructor(handle: number) {
    this.#handle = handle;
  }

  readSync(into: Uint8Array): number | null {
    const count = fs.readSync(this.#handle, into, 0, into.length, this.#at);
    this.#at += count;
    return count === 0 && into.length > 0 ? null : count;
  }

  write(bytes: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) =>
      fs.write(this.#handle, bytes, 0, bytes.length, this.#at, (error, count) => {
        if (error) return reject(error);
        this.#at += count;
        resolve(count);
      })
    );
  }

  seekSync(offset: number): number {
    return this.#at = offset;
  }

  seek(offset: number): Promise<number> {
    return Promise.resolve(this.seekSync(offset));
  }

  statSync() {
    return infoOf(fs.fstatSync(this.#handle));
  }

  stat() {
    return Promise.resolve(this.statSync());
  }

  truncate(length = 0): Promise<void> {
    return called((done) => fs.ftruncate(this.#handle, length, done));
  }

  sync(): Promise<void> {
    return called((done) => fs.fsync(this.#handle, done));
  }

  lock(): Promise<void> {
    return Promise.reject(new Error("Node locks no files"));
  }

  tryLock(): Promise<boolean> {
    return Promise.reject(new Error("Node locks no files"));
  }

  close(): void {
    fs.closeSync(this.#handle);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

const called = (call: (done: (error: Error | null) => void) => void): Promise<void> =>
  new Promise((resolve, reject) => call((error) => error ? reject(error) : resolve()));

function infoOf(stats: fs.Stats) {
  const { size, mode, dev, ino, mtime } = stats;
  const kinds = {
    isFile: stats.isFile(),
    isDirectory: stats.isDirectory(),
    isSymlink: stats.isSymbolicLink(),
  };
  return { ...kinds, size, mode, dev, ino, mtime };
}

interface OpenOptions {
  readonly write?: boolean;
  readonly create?: boolean;
  readonly createNew?: boolean;
  readonly mode?: number;
}

async function open(path: Place, options: OpenOptions = {}): Promise<NodeFile> {
  const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL } = fs.constants;
  const made = options.createNew ? O_CREAT | O_EXCL : options.create ? O_CREAT : 0;
  const flags = (options.write ? O_WRONLY : O_RDONLY) | made;
  const handle = await new Promise<number>((resolve, reject) =>
    fs.open(
      path,
      flags,
      options.mode ?? 0o666,
      (error, handle) => error ? reject(error) : resolve(handle),
    )
  );
  return new NodeFile(handle);
}

async function* readDir(path: Place) {
  for (const entry of await fs.promises.readdir(path, { withFileTypes: true })) {
    const { name } = entry, isFile = entry.isFile(), isDirectory = entry.isDirectory();
    yield { name, isFile, isDirectory, isSymlink: entry.isSymbolicLink() };
  }
}

async function remove(path: Place, { recursive = false } = {}): Promise<void> {
  if (recursive) return await fs.promises.rm(path, { recursive: true });
  const isFolder = (await fs.promises.lstat(path)).isDirectory();
  await (isFolder ? fs.promises.rmdir(path) : fs.promises.unlink(path));
}

/** A class of errors that Node tells by a code. */
const errorsOf = (code: string) =>
  class {
    static [Symbol.hasInstance](error: unknown): boolean {
      return (error as { code?: unknown } | undefined)?.code === code;
    }
  };

const files = {
  open,
  readDir,
  remove,
  chmod: fs.promises.chmod,
  lstat: async (path: Place) => infoOf(await fs.promises.lstat(path)),
  mkdir: async (path: Place, options?: { recursive?: boolean }) =>
    void await fs.promises.mkdir(path, options),
  readTextFile: (path: Place) => fs.promises.readFile(path, "utf8"),
  realPath: (path: string) => fs.promises.realpath(path),
  realPathSync: (path: string) => fs.realpathSync(path),
  rename: fs.promises.rename,
  stat: async (path: Place) => infoOf(await fs.promises.stat(path)),
  symlink: (target: string, path: string) => fs.promises.symlink(target, path),
  SeekMode: { Start: 0 },
  errors: {
    Interrupted: errorsOf("EINTR"),
    NotADirectory: errorsOf("ENOTDIR"),
    NotFound: errorsOf("ENOENT"),
  },
};

/** The global one, and what it does not do in Node: a file of this package. */
async function fetchAny(place: Place | Request, options?: RequestInit): Promise<Response> {
  if (!(place instanceof URL) || place.protocol !== "file:") return await fetch(place, options);
  const type = place.pathname.endsWith(".wasm") ? "application/wasm" : "application/octet-stream";
  const body = new Uint8Array(await fs.promises.readFile(place));
  return new Response(body, { headers: { "content-type": type } });
}

// The process.

/** The prototype of all asynchronous generators, which core-js does not find. Node 22 cannot dispose of them. */
const generators = Object.getPrototypeOf(Object.getPrototypeOf(readDir.prototype));
if (!(Symbol.asyncDispose in generators)) {
  const value = async function (this: AsyncGenerator) {
    await this.return(undefined);
  };
  Object.defineProperty(generators, Symbol.asyncDispose, { value, configurable: true });
}

/** Node 24 has it; there, nothing is loaded. */
globalThis.Float16Array ??= (await import("npm:@petamoriken/float16@3.9.3"))
  .Float16Array as unknown as Float16ArrayConstructor;

const systems: Readonly<Record<string, string>> = { win32: "windows" };
const system = systems[os.platform()] ?? os.platform();

const node = {
  ...files,
  args: process.argv.slice(2),
  build: { os: system, target: `${os.arch()}-${system}` },
  version: { v8: process.versions.v8, deno: `in Node ${process.versions.node}` },
  env: { get: (name: string) => process.env[name] },
  exit: (code?: number) => process.exit(code),
  inspect,
  memoryUsage: process.memoryUsage,
  noColor: (process.env.NO_COLOR ?? "") !== "",
  consoleSize: () => ({ columns: process.stderr.columns ?? 0, rows: process.stderr.rows ?? 0 }),
  addSignalListener: (name: NodeJS.Signals, listener: () => void) => process.on(name, listener),
  removeSignalListener: (name: NodeJS.Signals, listener: () => void) => process.off(name, listener),
  permissions: {
    querySync: ({ name }: { name: string }) => ({ state: name === "ffi" ? "denied" : "granted" }),
    revokeSync: ({ name }: { name: string }) => ({ state: name === "ffi" ? "denied" : "granted" }),
  },
  stdout: { isTerminal: () => process.stdout.isTTY === true },
  stderr: {
    isTerminal: () => process.stderr.isTTY === true,
    writeSync: (bytes: Uint8Array) => fs.writeSync(2, bytes),
  },
};

export { fetchAny as fetch, node as Deno };
