import { assertEquals } from "@std/assert";
import { checkedOutCommit } from "../../experiments/frame/checkout.ts";
import { withFolder } from "../../scripts/support/folders.ts";

const commit = "0123456789abcdef0123456789abcdef01234567", other = "f".repeat(40);

/** Writes files below a folder. */
async function write(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    const path = `${folder}/${name}`;
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(path, text);
  }
}

/** The commit that is read from a folder with these files. */
async function commitIn(files: Readonly<Record<string, string>>): Promise<string | undefined> {
  let found: string | undefined;
  await withFolder(async (folder) => {
    await write(folder, files);
    found = await checkedOutCommit(folder);
  });
  return found;
}

const onMain = { ".git/HEAD": "ref: refs/heads/main\n" };
const packed =
  `# pack-refs\n${other} refs/heads/a/refs/heads/main\n${commit} refs/heads/main\n^${other}\n`;

Deno.test("the commit is read from a branch, a file of many branches, or HEAD itself", async () => {
  assertEquals(await commitIn({ ...onMain, ".git/refs/heads/main": `${commit}\n` }), commit);
  assertEquals(await commitIn({ ...onMain, ".git/packed-refs": packed }), commit);
  assertEquals(await commitIn({ ".git/HEAD": `${commit}\n` }), commit);
});

Deno.test("a further working tree has the commit of its own branch", async () => {
  await withFolder(async (folder) => {
    const own = `${folder}/first/.git/worktrees/second`;
    await write(folder, {
      "second/.git": `gitdir: ${own}\n`,
      "first/.git/worktrees/second/HEAD": "ref: refs/heads/second\n",
      "first/.git/worktrees/second/commondir": "../..\n",
      "first/.git/HEAD": "ref: refs/heads/main\n",
      "first/.git/refs/heads/main": `${other}\n`,
      "first/.git/refs/heads/second": `${commit}\n`,
    });
    assertEquals(await checkedOutCommit(`${folder}/second`), commit);
  });
});

Deno.test("there is no commit without a repository, before the first one, or in what is none", async () => {
  assertEquals(await commitIn({}), undefined);
  assertEquals(await commitIn(onMain), undefined);
  assertEquals(await commitIn({ ".git/HEAD": "main\n" }), undefined);
});
