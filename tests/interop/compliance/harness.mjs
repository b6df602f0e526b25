// What specs of ours know of what runs them: the suite's own have the orchestrator's URL alone.

/** `mode`: which clones there are; `gateway` and `orchestrator`, which are started before any spec is loaded. */
export const harness = {};
