/**
 * The parser of the command line. Imported here by its full name, so that `cli.ts` runs over HTTP too,
 * where no import map is read.
 *
 * @module
 */

export { Command, CommanderError, InvalidArgumentError, Option } from "npm:commander@15.1.0";
