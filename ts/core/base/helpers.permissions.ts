/**
 * Deno lets a program do only what its command line allows, and throws `NotCapable` (before 2.0 `PermissionDenied`) for
 * all else, with a message that ends in the flag that is missing for this one call.
 */
const isRefusal = ({ name, message }: Error): boolean =>
  name === 'NotCapable' || / run again with the --allow-\w+ flag/.test(message);

/** What each kind of storage needs; the S3 client reads its settings from the environment and from files too. */
const FLAGS = {
  directory: '--allow-read and --allow-write',
  s3: '--allow-net, --allow-env, --allow-sys and --allow-read',
};

/**
 * For an operator whose runtime does not let the program do what it needs: what to start it with. Undefined for any other
 * error. All flags are named at once, because each start would find only the next one.
 */
export const missingPermission = (error: unknown, needs: keyof typeof FLAGS): string | undefined => {
  for (let one = error; one instanceof Error; one = one.cause) {
    if (isRefusal(one)) return `Deno does not allow it; run the program with ${FLAGS[needs]}`;
  }
  return undefined;
};
