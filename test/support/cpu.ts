/** ms of this process's own time since `begun` (`process.cpuUsage()`): what others on the machine do does not count. */
export const cpuSince = (begun: NodeJS.CpuUsage): number => {
  const { user, system } = process.cpuUsage(begun);
  return (user + system) / 1000;
};
