/** Lets everything that is ready run, promises and I/O of the faulty disk included. */
export function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
