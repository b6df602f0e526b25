// One line for each spec, what failed at once, and the count at the end.
module.exports = class {
  counts = { passed: 0, failed: 0, pending: 0, excluded: 0 };

  specDone({ status, fullName, duration, failedExpectations }) {
    this.counts[status]++;
    if (status === 'excluded')
      return;
    console.log(`${status.padEnd(7)} ${String(duration ?? 0).padStart(6)} ms  ${fullName}`);
    for (const { message, stack } of failedExpectations)
      console.log(`          ${message}\n${(stack ?? '').replace(/^/gm, '            ')}`);
  }

  suiteDone({ fullName, failedExpectations }) {
    for (const { message } of failedExpectations)
      console.log(`failed             ${fullName}: ${message}`);
  }

  jasmineDone({ overallStatus, totalTime }) {
    const { passed, failed, pending } = this.counts;
    console.log(`${overallStatus}: ${passed} passed, ${failed} failed, ${pending} pending, in ${Math.round(totalTime / 1000)} s`);
  }
};
