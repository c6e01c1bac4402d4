/** A configuration that cannot work. The message begins with the field's path and never contains a secret. */
export class ConfigError extends Error {
  public override readonly name = 'ConfigError';
  /** all problems, one line each; this error's own message is the first */
  public problems: string[];

  constructor(
    public readonly field: string,
    problem: string,
  ) {
    super(`${field === '' ? 'config' : `config.${field}`} ${problem}`);
    this.problems = [this.message];
  }

  /** This error, with all errors that were found together in `problems`. */
  public among(errors: ConfigError[]): this {
    this.problems = errors.map(({ message }) => message);
    return this;
  }
}
