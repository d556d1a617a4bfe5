// Preloaded (`--import`) into every process of the service that a run starts. It ends with its driver, however that
// ends; and with CLOCK_OFFSET_MS its wall clock is wrong, as of a machine without time synchronisation. Durations
// (`performance.now`, timers) stay right, as they do there.
process.on('disconnect', () => process.exit(1));

const offsetMs = Number(process.env.CLOCK_OFFSET_MS ?? 0);
if (offsetMs !== 0) {
  const TrueDate = Date;
  globalThis.Date = class Date extends TrueDate {
    constructor(...parts) {
      if (parts.length === 0) super(TrueDate.now() + offsetMs);
      else super(...parts);
    }

    static now() {
      return TrueDate.now() + offsetMs;
    }
  };
}
