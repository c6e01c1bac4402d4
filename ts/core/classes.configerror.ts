/** A configuration that cannot work. The message begins with the field's path and never holds a value of a secret. */
export class ConfigError extends Error {
  public override readonly name = 'ConfigError';
  /** everything that is wrong, one line each; this error's own message is the first */
  public problems: string[];

  constructor(
    public readonly field: string,
    problem: string,
  ) {
    super(`${field === '' ? 'config' : `config.${field}`} ${problem}`);
    this.problems = [this.message];
  }

  /** The same error, which knows of the others that were found with it. */
  public among(errors: ConfigError[]): this {
    this.problems = errors.map(({ message }) => message);
    return this;
  }
}
