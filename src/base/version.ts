/** The release of Synod, and the PostgreSQL release whose behaviour clients are told to expect. */
export const SYNOD_VERSION = "0.1.0";

const POSTGRES_VERSION = "15.0";

/** server_version: drivers read the number at its start. */
export const SERVER_VERSION = `${POSTGRES_VERSION} (Synod ${SYNOD_VERSION})`;

/** server_version_num */
export const SERVER_VERSION_NUMBER = "150000";

/** What version() answers: several libraries look for the first two words. */
export const VERSION_TEXT = `PostgreSQL ${POSTGRES_VERSION} (Synod ${SYNOD_VERSION}) on SQLite, 64-bit`;
