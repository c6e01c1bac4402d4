import { invalid } from '../../core/base/helpers.errors.js';
import { RegistryError } from '../../core/classes.registryerror.js';
import type { IFormFields } from '../../core/pipeline/body/interfaces.form.js';
import type { IInspectedFile } from '../interfaces.pypi.js';
import { type IFileName, isFileNameOf } from './wire.filenames.js';
import { assertNewName, normalizeName } from './wire.names.js';
import { canonicalVersion, parseVersion } from './wire.versions.js';

/**
 * Fields that are read. All others are ignored: they repeat the metadata of the file, which is opened anyway, and every
 * year brings new ones.
 */
export const FORM_FIELDS = [
  ':action',
  'protocol_version',
  'name',
  'version',
  'filetype',
  'filename',
  'md5_digest',
  'sha256_digest',
  'attestations',
] as const;

/** The field of the file. */
export const CONTENT = 'content';

/** The checked fields of an upload. */
export interface IUploadForm {
  /** normalised */
  project: string;
  /** as sent, without blanks around it */
  name: string;
  version: string;
  filetype?: string;
  /** hex, lower case */
  md5?: string;
  /** hex, lower case */
  sha256?: string;
  /** a JSON text */
  attestations?: string;
}

/**
 * A field's value; an empty one means absent, and so does `UNKNOWN`, which setuptools writes. Throws for a field with two
 * values: of a form that says two things, one is not checked.
 */
const valueIn = (form: IFormFields, name: string): string | undefined => {
  const [value, ...others] = new Set(form.all(name).map((one) => one.trim()));
  if (others.length > 0) throw invalid(`The form has two values for the field ${name}`);
  return value === undefined || value === '' || value === 'UNKNOWN' ? undefined : value;
};

const digestOf = (form: IFormFields, name: string, digits: number): string | undefined => {
  const value = valueIn(form, name)?.toLowerCase();
  if (value === undefined) return undefined;
  if (value.length !== digits || !/^[0-9a-f]+$/.test(value))
    throw invalid(`The field ${name} is not ${digits} hex digits`);
  return value;
};

/**
 * The project that the fields received so far name, normalised; undefined if the name has not come yet. Throws for a
 * name that no project can have.
 */
export const projectOfForm = (form: IFormFields): string | undefined => {
  const name = valueIn(form, 'name');
  return name === undefined ? undefined : assertNewName(name);
};

/** Checks the fields of a whole form. @see PyPI's documentation, "Upload API" */
export const parseUploadForm = (form: IFormFields): IUploadForm => {
  const action = valueIn(form, ':action');
  if (action !== undefined && action !== 'file_upload') {
    throw invalid(`The :action of an upload is file_upload; this index has no ${JSON.stringify(action.slice(0, 40))}`);
  }
  const protocol = valueIn(form, 'protocol_version');
  if (protocol !== undefined && protocol !== '1') throw invalid('The protocol_version of an upload is 1');
  const name = valueIn(form, 'name');
  const version = valueIn(form, 'version');
  if (name === undefined) throw invalid('The field name is missing');
  const project = assertNewName(name);
  if (version === undefined) throw invalid('The field version is missing');
  if (!parseVersion(version)) {
    throw invalid(`${JSON.stringify(version.slice(0, 100))} is not a version as PEP 440 defines it`);
  }
  const optional = {
    filetype: valueIn(form, 'filetype'),
    md5: digestOf(form, 'md5_digest', 32),
    sha256: digestOf(form, 'sha256_digest', 64),
    attestations: valueIn(form, 'attestations'),
  };
  return { project, name, version, ...(optional as Partial<IUploadForm>) };
};

/** Checks the form's digests against those of the received bytes. */
export const assertDigests = (form: IUploadForm, digests: Record<string, string>): void => {
  for (const algorithm of ['md5', 'sha256'] as const) {
    const wanted = form[algorithm];
    if (wanted !== undefined && wanted !== digests[algorithm]) {
      throw new RegistryError(
        'digestMismatch',
        `The ${algorithm} of the received file is ${digests[algorithm]}, and the form says ${wanted}`,
      );
    }
  }
};

/** Checks that the form, the file name and the metadata in the file speak of the same release. */
export const assertAgreement = (form: IUploadForm, file: IFileName, { name, version }: IInspectedFile): void => {
  const what = file.packagetype === 'bdist_wheel' ? 'METADATA' : 'PKG-INFO';
  if (form.filetype !== undefined && form.filetype !== file.packagetype) {
    throw invalid(`The filetype ${JSON.stringify(form.filetype.slice(0, 40))} is not that of ${file.filename}`);
  }
  if (normalizeName(name) !== form.project) {
    throw invalid(`The form is for the project ${form.name}, and the ${what} in the file says ${name}`);
  }
  if (canonicalVersion(version) !== canonicalVersion(form.version)) {
    throw invalid(`The form says version ${form.version}, and the ${what} in the file says ${version}`);
  }
  if (!isFileNameOf(file, form.project, version)) {
    throw invalid(`The file name ${file.filename} is not one of ${name} ${version}`);
  }
};
