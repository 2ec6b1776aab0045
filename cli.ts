#!/usr/bin/env -S deno run --no-prompt -RWN --allow-ffi -E=LOWRANK_BLAS,LOWRANK_DEVICE,LOWRANK_REQUIRE_HARDWARE,HF_ENDPOINT,HF_HOME,HF_HUB_CACHE,HF_HUB_OFFLINE,HF_TOKEN,HOME,USERPROFILE,XDG_CACHE_HOME,SLURM_ARRAY_TASK_ID,SLURM_ARRAY_TASK_COUNT,SLURM_ARRAY_TASK_MIN,SLURM_ARRAY_TASK_MAX,JOB_COMPLETION_INDEX --ignore-env
/** The command line: `deno task lowrank <command>`. @module */

import { keepNeeded, main } from "./src/cli/program.ts";

if (import.meta.main) Deno.exit(await main(Deno.args, keepNeeded));
