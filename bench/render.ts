/** Makes table and figure from a result again: `deno task bench:table FILE.json`. @module */

import { figure } from "./figure.ts";
import type { Summary } from "./summary.ts";
import { tableOf } from "./table.ts";

const [path] = Deno.args;
const summary: Summary = JSON.parse(await Deno.readTextFile(path));
await Deno.writeTextFile(path.replace(/json$/, "md"), tableOf(summary));
await Deno.writeTextFile(path.replace(/json$/, "svg"), figure(summary));
