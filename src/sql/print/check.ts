/** Where a loop of a statement may become long, a function of the machine's is called for each row. */

/** Always true; the machine counts its calls and may end the statement in one. */
export const CHECK_FUNCTION = "synod_check";
