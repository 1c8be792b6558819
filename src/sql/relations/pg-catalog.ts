import { clusterProducers } from "./pg-cluster.ts";
import { constraintProducers } from "./pg-constraints.ts";
import { relationProducers } from "./pg-relations.ts";
import { typeProducers } from "./pg-types.ts";
import { viewProducers } from "./pg-views.ts";
import type { Producers } from "./projection-source.ts";

/** The relations of pg_catalog that have rows. */
export const pgCatalogProducers: Producers = {
  ...clusterProducers,
  ...relationProducers,
  ...constraintProducers,
  ...typeProducers,
  ...viewProducers,
};
