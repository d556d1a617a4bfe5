/** Milliseconds of CPU that this process has used: work is bounded by it, however busy the machine is. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
