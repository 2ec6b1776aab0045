/** The one script of the page, which its worker runs too. @module */

import { answerCalls } from "./tiny/worker.ts";

if ("document" in globalThis) import("./main.ts");
else answerCalls();
