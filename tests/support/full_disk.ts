/** Code that runs where files may not grow, as on a full disk. @module */

/** True where a shell can limit the size of files. */
export const canLimitFiles = Deno.build.os !== "windows";

/**
 * Runs TypeScript in a new process whose files end at `kibibytes`, with the given permissions.
 * Returns what it printed; imports in `code` are relative to the repository's root.
 */
export async function runWithFileLimit(
  kibibytes: number,
  code: string,
  permissions: readonly string[] = ["--allow-read", "--allow-write"],
): Promise<string> {
  const root = new URL("../../", import.meta.url);
  const args = ["run", "--no-lock", "--no-check", `--ext=ts`, ...permissions, "-"];
  // Without the trap, the system ends the process instead of failing the write.
  const limit = `trap '' XFSZ; ulimit -f ${kibibytes * 2}; exec "$0" "$@"`;
  const child = new Deno.Command("sh", {
    args: ["-c", limit, Deno.execPath(), ...args],
    // Caches would be written past the limit too.
    env: { DENO_NO_UPDATE_CHECK: "1" },
    cwd: root,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(code));
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`the limited process failed: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}
