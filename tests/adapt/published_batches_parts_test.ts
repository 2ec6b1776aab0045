import { testOnWebgpu } from "../support/devices.ts";
import { publishedBatches } from "./published_batches.ts";

await testOnWebgpu(publishedBatches);
