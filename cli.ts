#!/usr/bin/env -S deno run -A
/** The command line: `deno task lowrank <command>`. @module */

import { main } from "./src/cli/program.ts";

if (import.meta.main) Deno.exit(await main(Deno.args));
