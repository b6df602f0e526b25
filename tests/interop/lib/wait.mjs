// Waiting that always ends.

/** Rejects with `what` unless `promise` settles within `ms`. */
export async function within(ms, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${ms} ms: ${what}`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks `probe` again until it gives something truthy; for conditions that announce nothing. */
export async function eventually(what, probe, { ms = 15_000, pause = 50 } = {}) {
  const end = performance.now() + ms;
  for (;;) {
    const found = await probe();
    if (found)
      return found;
    if (performance.now() > end)
      throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise(resolve => setTimeout(resolve, pause));
  }
}
