/** Every program of the repository is a task, and every task is explained. */

import { assertEquals } from "@std/assert";
import { sourceFiles, sourceText } from "../../scripts/support/source_files.ts";

const tasks: Record<string, string> = JSON.parse(sourceText("deno.json")).tasks;
const commands = Object.values(tasks).join("\n");

Deno.test("CONTRIBUTING.md explains every task", () => {
  const explained = [...sourceText("CONTRIBUTING.md").matchAll(/^\| `([\w:]+)`/gm)];
  assertEquals(explained.map(([, task]) => task).sort(), Object.keys(tasks).sort());
});

Deno.test("CONTRIBUTING.md says of each task with all permissions, and of no other, why", () => {
  const page = sourceText("CONTRIBUTING.md"), from = page.indexOf("why it has all permissions");
  const [table] = page.slice(from).split("\n\n");
  const reasoned = [...table.matchAll(/`([\w:]+)`/g)].map(([, name]) => name).filter((name) =>
    name in tasks
  );
  const open = Object.keys(tasks).filter((name) =>
    /(?:^| )(?:-A|--allow-all|--allow-run)(?: |$)/.test(tasks[name])
  );
  assertEquals(reasoned.sort(), open.sort());
});

Deno.test("every script is a task or a part of one", () => {
  // bench/main.ts starts its contenders by their names.
  const files = sourceFiles(["scripts", "bench"]).filter((path) => !path.includes("/contenders/"));
  const texts = [...files, "scripts/site/run/import_map.json"].map(sourceText);
  const imported = (path: string) => {
    const name = `/${path.split("/").at(-1)}`;
    return texts.some((text) => text.includes(`${name}"`) || text.includes(`${name}\``));
  };
  assertEquals(files.filter((path) => !commands.includes(path) && !imported(path)), []);
});
