/**
 * Saves what the runs of the study of a real base have found so far: rates, rows, and numbers of their updates; and its
 * adapters of six layers, in F16. Runs that are not finished are left out.
 *
 *     deno task ship:real results/real
 *
 * @module
 */
