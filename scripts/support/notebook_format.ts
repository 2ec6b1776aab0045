/** Formatting of notebooks. @module */

/**
 * Text of a notebook after `deno fmt`. (Not by name: `deno fmt --check` of Deno 2.9.6 complains of
 * every cell whose last line has no line break, while `deno fmt` leaves it as it is.)
 */
export async function formattedNotebook(text: string): Promise<string> {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--ext", "ipynb", "-"],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  const { success, stdout } = await process.output();
  if (!success) throw new Error("deno fmt does not take the notebook: see above");
  return new TextDecoder().decode(stdout);
}
