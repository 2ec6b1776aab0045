/** Which notebooks `deno task lab` lets Jupyter trust. */

import { assertEquals } from "@std/assert";
import { labInstalled } from "../../scripts/lab_environment.ts";
import { committedNotebooks } from "../../scripts/lab_trust.ts";
import { withFolder } from "../support/folders.ts";

Deno.test({
  name: "notebooks are trusted as git has them: not changed ones, not new ones, none without git",
  ignore: !labInstalled(),
  fn: () =>
    withFolder(async (folder) => {
      const write = (name: string, text: string) =>
        Deno.writeTextFile(`${folder}/${name}.ipynb`, text);
      const git = (...args: string[]) =>
        new Deno.Command("git", { args, cwd: folder, stdout: "null", stderr: "null" }).output();
      await write("same", "{}");
      await write("changed", "{}");
      assertEquals(await committedNotebooks(folder), []);
      await git("init");
      await git("add", ".");
      await git("-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-m", "two");
      await write("changed", "{ }");
      await write("new", "{}");
      assertEquals(await committedNotebooks(folder), ["same.ipynb"]);
    }),
});
