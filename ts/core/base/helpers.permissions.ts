/**
 * Deno allows a program only what its command line names. For anything else it throws `NotCapable` (before 2.0
 * `PermissionDenied`); the message ends with the flag that this one call lacks.
 */
const isRefusal = ({ name, message }: Error): boolean =>
  name === 'NotCapable' || / run again with the --allow-\w+ flag/.test(message);

/** The flags that each kind of store needs. The clients of servers also read settings from the environment and files. */
const FLAGS = {
  directory: '--allow-read and --allow-write',
  s3: '--allow-net, --allow-env, --allow-sys and --allow-read',
  server: '--allow-net, --allow-env, --allow-sys and --allow-read',
};

/**
 * The advice for an operator whose Deno does not allow what the program needs; undefined for any other error. It names
 * all flags at once, because each start would show only the next missing one.
 */
export const missingPermission = (error: unknown, needs: keyof typeof FLAGS): string | undefined => {
  for (let one = error; one instanceof Error; one = one.cause) {
    if (isRefusal(one)) return `Deno does not allow it; run the program with ${FLAGS[needs]}`;
  }
  return undefined;
};
