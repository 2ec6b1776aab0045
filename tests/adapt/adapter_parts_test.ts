import { testOnWebgpu } from "../support/devices.ts";
import { checks } from "./checks.ts";
import { embeddingChecks } from "./embedding_checks.ts";
import { goldenChecks } from "./golden_checks.ts";
import { variantChecks } from "./variant_checks.ts";

await testOnWebgpu([...checks, ...goldenChecks, ...variantChecks, ...embeddingChecks]);
