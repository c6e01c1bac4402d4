/** Fields of a form by name. A name may occur several times, and may be any text (`__proto__` too). */
export interface IFormFields {
  /** the first value under this name */
  get(name: string): string | undefined;
  /** all values under this name, in the order of the form */
  all(name: string): string[];
  /** Whether the form has a field of this name. */
  has(name: string): boolean;
  /** The names of all fields. */
  names(): string[];
}

/** A file of a form. */
export interface IFormFile {
  /** the name of its field */
  field: string;
  /** the last segment of the name that the client sent; undefined if it sent none */
  filename: string | undefined;
  /** as the client declares it */
  contentType: string;
  /** can be read until `onFile` resolves; the rest is skipped then */
  stream: ReadableStream<Uint8Array>;
  /** the fields that came before it */
  fields: IFormFields;
}

/** Limits of a form; more is refused with 413. */
export interface IFormLimits {
  /** number of fields */
  fields?: number | undefined;
  /** number of files */
  files?: number | undefined;
  /** bytes of one field's value; default: `fieldsSize` */
  fieldSize?: number | undefined;
  /** bytes of all names and values; default: the registry's `maxMetadataSize` */
  fieldsSize?: number | undefined;
  /** bytes of one file; default: the registry's `maxArtifactSize` */
  fileSize?: number | undefined;
  /** bytes of the whole body; default: derived from the others */
  total?: number | undefined;
}

/** How a form is read. */
export interface IFormOptions {
  /** names of the fields that are kept; others are dropped, but count for the limits; default: all */
  fields?: readonly string[] | undefined;
  /** names of fields that must come before the first file, because a file cannot be checked without them */
  fieldsBeforeFiles?: readonly string[] | undefined;
  /** the type of a body that comes without one; default: such a body is refused */
  typeIfNone?: 'application/x-www-form-urlencoded' | undefined;
  /** if it is absent, a form with a file is refused */
  onFile?(file: IFormFile): Promise<void>;
  limits?: IFormLimits | undefined;
}

/** Defaults from the registry's own limits. */
export interface IFormDefaults {
  defaultLimit: number;
  fileLimit?: number | undefined;
}
