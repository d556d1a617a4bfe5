/**
 * How long what was due at a dispatcher waits, after its process died, until another one sends it. A delivery that was
 * due at a second death meanwhile counts from that one.
 */
export class Takeovers {
  /** By event and endpoint, a list of `{diedAtMs, leaseUntilMs}` in the order of the deaths. */
  #waiting = new Map();

  /** `due`: `{eventId, endpointId, leaseUntilMs}` of what was due on the lanes of the process that died. */
  died(diedAtMs, due) {
    for (const { eventId, endpointId, leaseUntilMs } of due) {
      const key = `${eventId} ${endpointId}`;
      this.#waiting.set(key, [...(this.#waiting.get(key) ?? []), { diedAtMs, leaseUntilMs }]);
    }
  }

  /**
   * `receipts`: `{eventId, endpointId, arrivedAtMs}`. What arrives before the lease ran out was sent by the dead one.
   */
  measureMs(receipts) {
    const measured = [];
    for (const { eventId, endpointId, arrivedAtMs } of receipts) {
      const deaths = this.#waiting.get(`${eventId} ${endpointId}`) ?? [];
      const last = deaths.filter(({ diedAtMs }) => diedAtMs <= arrivedAtMs).at(-1);
      if (last === undefined || arrivedAtMs < last.leaseUntilMs) continue;
      measured.push(arrivedAtMs - last.diedAtMs);
      deaths.splice(0, deaths.indexOf(last) + 1);
    }
    return measured;
  }
}

/** The value below which the share `part` of them lies; null without any. */
export function percentile(values, part) {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)];
}
