import { RegistryError } from '../../classes.registryerror.js';
import type { IFormDefaults, IFormFields, IFormLimits, IFormOptions } from './interfaces.form.js';

class FormFields implements IFormFields {
  private readonly values = new Map<string, string[]>();

  public get(name: string): string | undefined {
    return this.values.get(name)?.[0];
  }

  public all(name: string): string[] {
    return [...(this.values.get(name) ?? [])];
  }

  public has(name: string): boolean {
    return this.values.has(name);
  }

  public names(): string[] {
    return [...this.values.keys()];
  }

  public add(name: string, value: string): void {
    const known = this.values.get(name);
    if (known) known.push(value);
    else this.values.set(name, [value]);
  }
}

/** The largest packages known have some 1,500 fields (one for each requirement and each extra). */
const MAX_FIELDS = 5_000;
/** Package tools send a file, its signature and its attestations. */
const MAX_FILES = 16;
/** bytes; the parser refuses a part with a longer header */
const PART_HEADER = 16 * 1024;

/** Checks the parts of a form against its limits, and collects its fields. */
export class FormTally {
  public readonly fields = new FormFields();
  private readonly limits: Required<IFormLimits>;
  private readonly kept: ReadonlySet<string> | undefined;
  private fieldCount = 0;
  private fieldBytes = 0;
  private fileCount = 0;

  constructor(
    private readonly options: IFormOptions,
    { defaultLimit, fileLimit = Number.POSITIVE_INFINITY }: IFormDefaults,
  ) {
    const { fields = MAX_FIELDS, files = MAX_FILES, fieldsSize = defaultLimit } = options.limits ?? {};
    const { fieldSize = fieldsSize, fileSize = fileLimit } = options.limits ?? {};
    const most = fieldsSize + (files > 0 ? files * fileSize : 0) + (fields + files) * PART_HEADER;
    const { total = most } = options.limits ?? {};
    this.limits = { fields, files, fieldSize, fieldsSize, fileSize, total };
    this.kept = options.fields && new Set(options.fields);
  }

  /** bytes of the whole body */
  public get total(): number {
    return this.limits.total;
  }

  /** bytes of the longest value; a parser need not keep more than one byte beyond it */
  public get fieldSize(): number {
    return Math.min(this.limits.fieldSize, this.limits.fieldsSize);
  }

  /** number of parts */
  public get parts(): number {
    return this.limits.fields + this.limits.files;
  }

  public addField(name: string, value: string): void {
    const size = Buffer.byteLength(value);
    const { fields, fieldSize, fieldsSize } = this.limits;
    this.fieldCount += 1;
    this.fieldBytes += Buffer.byteLength(name) + size;
    if (this.fieldCount > fields) throw new RegistryError('invalid', `The form has more than ${fields} fields`);
    if (size > fieldSize) throw tooLarge(`The field ${shown(name)}`, fieldSize);
    if (this.fieldBytes > fieldsSize) throw tooLarge('The form without its files', fieldsSize);
    if (!this.kept || this.kept.has(name)) this.fields.add(name, value);
  }

  /** Called at the beginning of each file. */
  public addFile(name: string): void {
    const { fieldsBeforeFiles = [], onFile } = this.options;
    this.fileCount += 1;
    if (!onFile) throw new RegistryError('invalid', `The form has a file (${shown(name)}), and none is expected here`);
    if (this.fileCount > this.limits.files) {
      throw new RegistryError('invalid', `The form has more than ${this.limits.files} files`);
    }
    for (const field of fieldsBeforeFiles) {
      if (this.fields.has(field)) continue;
      throw new RegistryError('invalid', `The field ${field} has to come before the file ${shown(name)}`);
    }
  }

  /** Checks the bytes of one file that have come so far. */
  public checkFile(name: string, size: number): void {
    if (size > this.limits.fileSize) throw tooLarge(`The file ${shown(name)}`, this.limits.fileSize);
  }
}

/** characters of a client's text that an error quotes */
const SHOWN = 100;
const shown = (name: string): string => JSON.stringify(name.length > SHOWN ? `${name.slice(0, SHOWN)}…` : name);

const tooLarge = (what: string, limit: number): RegistryError =>
  new RegistryError('tooLarge', `${what} is larger than the ${limit} bytes that are accepted here`);
