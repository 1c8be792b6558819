import type { Producers } from "./projection-source.ts";

/** The relations of pg_catalog that have rows. */
export const pgCatalogProducers: Producers = {};
