/** The release, as in package.json (a test compares them). */
export const VERSION = "0.1.0";

/** The PostgreSQL release whose behaviour clients are told to expect. */
const POSTGRES_VERSION = "15.0";

/** server_version: drivers read the number at its start. */
export const SERVER_VERSION = `${POSTGRES_VERSION} (Synod ${VERSION})`;

/** server_version_num */
export const SERVER_VERSION_NUMBER = "150000";
