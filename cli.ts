#!/usr/bin/env -S deno run --no-prompt -RWN --allow-ffi -E=LOWRANK_*,HF_ENDPOINT,HF_HOME,HF_HUB_CACHE,HF_HUB_OFFLINE,HF_TOKEN,HOME,USERPROFILE,XDG_CACHE_HOME,SLURM_ARRAY_TASK_*,JOB_COMPLETION_INDEX --ignore-env
/**
 * The command line: `deno task lowrank <command>` in a clone, `deno run -A jsr:@lowrank/core/cli <command>` anywhere.
 *
 * @module
 */

import { keepNeeded, main } from "./src/cli/program.ts";

if (import.meta.main) Deno.exit(await main(Deno.args, keepNeeded));
