import { readdir, readFile, readlink, writeFile } from 'node:fs/promises';

// What Linux tells about another process; there is no such look on other systems.

/** Milliseconds of CPU that a process has used so far: tells more than a rate where other things run beside. */
export const cpuOf = async (pid: number): Promise<number> => {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const [user, system] = stat.slice(stat.lastIndexOf(')')).split(' ').slice(12, 14).map(Number);
  return ((user ?? 0) + (system ?? 0)) * 10; // the kernel counts in hundredths of a second
};

/** Megabytes, now and at the worst, from the kernel. */
export const memoryOf = async (pid: number): Promise<{ now: number; peak: number }> => {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const of = (field: string): number => Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1] ?? 0) / 1024;
  return { now: of('VmRSS'), peak: of('VmHWM') };
};

/** From here on the peak is counted anew. */
export const forgetPeak = (pid: number): Promise<void> => writeFile(`/proc/${pid}/clear_refs`, '5');

/** Paths of the files that a process has open, and how many sockets. */
export const openBy = async (pid: number): Promise<{ files: string[]; sockets: number }> => {
  const names = await readdir(`/proc/${pid}/fd`);
  const targets = await Promise.all(
    // one that is closed meanwhile is not open
    names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => '')),
  );
  return {
    files: targets.filter((target) => target.startsWith('/') && !target.startsWith('/dev/')).sort(),
    sockets: targets.filter((target) => target.startsWith('socket:')).length,
  };
};
