/** A configuration that cannot work. The message begins with the field's path and never holds a value of a secret. */
export class ConfigError extends Error {
  public override readonly name = 'ConfigError';
  constructor(
    public readonly field: string,
    problem: string,
  ) {
    super(`config.${field} ${problem}`);
  }
}
