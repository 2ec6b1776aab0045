/** Folders that exist during one test. @module */

/** Runs `use` with a new folder and removes the folder afterwards. */
export async function withFolder(use: (folder: string) => void | Promise<void>): Promise<void> {
  await within(undefined, use);
}

/**
 * The same in memory, where the system has files there: a disk takes most of the time of many small ones. Programs
 * without all permissions cannot read it.
 */
export async function withMemoryFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const memory = "/dev/shm";
  const isThere = await Deno.stat(memory).then(({ isDirectory }) => isDirectory, () => false);
  await within(isThere ? memory : undefined, use);
}

async function within(
  dir: string | undefined,
  use: (folder: string) => void | Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ dir, prefix: "lowrank_test_" });
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Names of the files in a folder, in order. */
export function filesIn(folder: string): string[] {
  return Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
}
