import type { Producers } from "./projection-source.ts";

/** The relations of information_schema that have rows. */
export const informationSchemaProducers: Producers = {};
